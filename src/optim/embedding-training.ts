/**
 * Steps on the embedding that the head reads, for losses that compare examples with each other. The network is that of the
 * adapter with nothing behind the pooling, on the same engines; it is opened at the first step and closed with the last, so
 * that a model that only answers and takes ordinary steps has one graph.
 */
import type { EmbeddingTraining, StepResult } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { EmbeddedRow, EmbeddingLoss } from '../contracts/policy.ts'
import type { TaskHead } from '../contracts/task.ts'
import { type AdapterPlan, specsOf } from '../adapters/adapter.ts'
import type { Compiling } from './compiled-network.ts'
import { type AdapterEngine, EngineAdapter } from './engine-adapter.ts'
import type { PassParts } from './eager-pass.ts'
import { isPlain, PlainAdapter } from './plain-adapter.ts'

export interface EmbeddingTrainingParts {
  readonly plan: PassParts & { readonly compiling?: Compiling | undefined }
  /** All parameters as they are now; those of the head are not read. */
  readonly present: () => Tensors
  /** Moves parameters by their gradients; those without one stay. */
  readonly learn: (
    gradients: ReadonlyMap<string, Float32Array>,
    at: { readonly loss: number; readonly rateFactor: number },
  ) => StepResult
  readonly setHead: (rows: readonly EmbeddedRow[], penalty?: number) => void
  /** The seed of the next step's dropout. */
  readonly seed: () => string
}

export class AdapterEmbedding implements EmbeddingTraining {
  readonly #parts: EmbeddingTrainingParts
  readonly #plan: EmbeddingTrainingParts['plan']
  readonly #names: ReadonlySet<string>
  #engine: AdapterEngine | undefined

  constructor(parts: EmbeddingTrainingParts) {
    this.#parts = parts
    const { plan } = parts
    this.#plan = { ...plan, task: embeddingTask(plan), outputs: plan.base.network.width }
    this.#names = new Set(specsOf(this.#plan).map(({ name }) => name))
  }

  of(rows: readonly Latent[]): readonly Float32Array[] {
    return rows.length === 0 ? [] : this.#loaded().logits(rows)
  }

  step(
    latents: readonly Latent[],
    lossOf: Parameters<EmbeddingTraining['step']>[1],
    rateFactor: number,
  ): StepResult {
    const seed = this.#parts.seed()
    const rows = latents.map((latent) => ({ latent, target: null, weight: 1 }))
    const { loss, gradients } = this.#loaded().gradients(
      rows,
      (_, outputs) => joint(lossOf(outputs)),
      seed,
    )
    return this.#parts.learn(gradients, { loss, rateFactor })
  }

  fitHead(rows: readonly EmbeddedRow[], penalty?: number): void {
    this.#parts.setHead(rows, penalty)
    this.close()
  }

  close(): void {
    this.#engine?.dispose()
    this.#engine = undefined
  }

  #loaded(): AdapterEngine {
    const plan = { ...this.#plan, isJoint: true } as const
    this.#engine ??= isPlain(plan) ? new PlainAdapter(plan) : new EngineAdapter(plan)
    const present = [...this.#parts.present()].filter(([name]) => this.#names.has(name))
    this.#engine.load(new Map(present))
    return this.#engine
  }
}

/** The embedding is the output. */
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
