/**
 * Steps on the embedding that the head reads, for losses that compare examples with each other. The network is that of the
 * adapter with nothing behind the pooling, on the same engines; it is opened at the first step and closed with the last, so
 * that a model that only answers and takes ordinary steps has one graph.
 */
import type { Embedder, EmbeddingTraining, StepResult } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { EmbeddedRow, EmbeddingLoss } from '../contracts/policy.ts'
import type { TaskHead } from '../contracts/task.ts'
import { type AdapterPlan, areFinite, specsOf } from '../adapters/adapter.ts'
import type { Compiling } from './engines/compiled-network.ts'
import { type AdapterEngine, EngineAdapter } from './engines/engine-adapter.ts'
import type { PassParts } from './engines/eager-pass.ts'
import { logisticHead } from './heads/logistic-head.ts'
import { isPlain, PlainAdapter } from './engines/plain-adapter.ts'
import type { PresentWeights } from './present-weights.ts'
import { DROPPED } from './weights.ts'

interface EmbeddingTrainingParts {
  readonly plan: PassParts & { readonly compiling?: Compiling | undefined }
  readonly weights: PresentWeights
  /** The present number of outputs of the head. */
  readonly outputs: () => number
}

export class AdapterEmbedding implements EmbeddingTraining {
  readonly #parts: EmbeddingTrainingParts
  readonly #plan: EmbeddingTrainingParts['plan']
  /** Parameters below the head. */
  readonly #names: ReadonlySet<string>
  #engine: AdapterEngine | undefined

  constructor(parts: EmbeddingTrainingParts) {
    this.#parts = parts
    const { plan } = parts
    this.#plan = embeddingPlan(plan)
    this.#names = belowHead(this.#plan)
  }

  of(rows: readonly Latent[]): readonly Float32Array[] {
    return rows.length === 0 ? [] : this.#loaded().logits(rows)
  }

  step(
    latents: readonly Latent[],
    lossOf: Parameters<EmbeddingTraining['step']>[1],
    rateFactor: number,
  ): StepResult {
    const { weights } = this.#parts
    const rows = latents.map((latent) => ({ latent, target: null, weight: 1 }))
    const found = this.#loaded().gradients(
      rows,
      (_, outputs) => joint(lossOf(outputs)),
      `${weights.steps}/embedding`,
    )
    // Parameters without a gradient stay.
    const still = [...weights.present.parameters].map(
      ([name, { data }]) => [name, new Float32Array(data.length)] as const,
    )
    const gradients = new Map([...still, ...found.gradients])
    const norm = weights.norm(gradients)
    const isMade = Number.isFinite(found.loss) && weights.move(gradients, norm, { rateFactor })
    return isMade ? { loss: found.loss, gradientNorm: norm, dropped: false } : DROPPED
  }

  /** The optimizer starts again: its moments are those of another loss. */
  fitHead(rows: readonly EmbeddedRow[], penalty?: number): void {
    const { plan, weights, outputs } = this.#parts
    const { width, unit } = plan.base.network
    const fitted = logisticHead(rows, {
      ...{ width, outputs: outputs(), scale: plan.task.scale(unit) },
      ...(penalty !== undefined && { penalty }),
    })
    const parameters = new Map([...weights.present.parameters, ...fitted])
    if ([...fitted.values()].every(({ data }) => areFinite(data)))
      weights.use({ parameters, slots: new Map(), steps: 0 })
    this.close()
  }

  close(): void {
    this.#engine?.dispose()
    this.#engine = undefined
  }

  #loaded(): AdapterEngine {
    const plan = { ...this.#plan, isJoint: true } as const
    this.#engine ??= isPlain(plan) ? new PlainAdapter(plan) : new EngineAdapter(plan)
    const present = [...this.#parts.weights.all].filter(([name]) => this.#names.has(name))
    this.#engine.load(new Map(present))
    return this.#engine
  }
}

/** By the parameters of a version, whatever the present ones are. */
export function openEmbedder(parts: PassParts, parameters: Tensors): Embedder {
  const plan = embeddingPlan(parts)
  const engine = isPlain(plan) ? new PlainAdapter(plan) : new EngineAdapter(plan)
  const names = belowHead(plan)
  engine.load(new Map([...parameters].filter(([name]) => names.has(name))))
  return {
    of: (rows) => (rows.length === 0 ? [] : engine.logits(rows)),
    close: () => {
      engine.dispose()
    },
  }
}

/** The embedding is the output. */
function embeddingPlan<Plan extends AdapterPlan>(plan: Plan): Plan {
  return { ...plan, task: embeddingTask(plan), outputs: plan.base.network.width }
}

function belowHead(plan: AdapterPlan): ReadonlySet<string> {
  return new Set(specsOf(plan).map(({ name }) => name))
}

function embeddingTask({ task }: Pick<AdapterPlan, 'task'>): TaskHead {
  const { statistics: _, ...head } = task
  return {
    ...head,
    kind: 'embedding',
    reads: 'pooled',
    parameters: () => [],
    grow: (_, tensor) => tensor,
    logits: (_, embedding) => embedding,
    scale: () => 1,
  }
}

/** The gradients of all rows, one after another. */
function joint({ loss, gradients }: EmbeddingLoss) {
  const width = gradients[0]?.length ?? 0
  const gradient = new Float32Array(gradients.length * width)
  for (const [row, own] of gradients.entries()) gradient.set(own, row * width)
  return { loss, gradient }
}
