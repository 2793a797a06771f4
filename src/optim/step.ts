/**
 * One adapter under training: forward and backward on the engine, everything else in plain memory.
 *
 * The engine holds the frozen tail, shared by the trainables of one base, and a copy of the present parameters; other
 * tensors of a call are released when it returns. A step is dropped if its loss, gradient or new weights are not finite.
 */
import type {
  StepResult,
  Trainable,
  TrainableState,
  Hyperparameters,
  TrainRow,
} from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { Regularizer } from '../contracts/policy.ts'
import type { Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import {
  adopted,
  type AdapterPlan,
  checkTensors,
  methodOf,
  specsOf,
  statisticsOf,
} from '../adapters/adapter.ts'
import { invalidAdapter } from '../adapters/target-modules.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import type { BaseTensors } from './engines/eager-pass.ts'
import type { Compiling } from './engines/compiled-network.ts'
import { AdapterEmbedding } from './embedding-training.ts'
import { ClosedFormTrainable } from './heads/closed-form.ts'
import type { AdapterEngine, Gradients } from './engines/engine-adapter.ts'
import { type Optimizer, optimizerOf } from './optimizer.ts'
import { PresentWeights } from './present-weights.ts'
import { gradientsOf, shaped, withPenalty } from './loss.ts'
import { copied, DROPPED, fromState, grown, type RateFactors, toState } from './weights.ts'

export interface TrainableParts extends Omit<AdapterPlan, 'outputs'> {
  readonly task: Task
  readonly head: Head
  readonly tf: TensorFlow
  readonly baseTensors: BaseTensors
  /** Absent = steps run kernel by kernel. */
  readonly compiling?: Compiling | undefined
  readonly hyperparameters: Hyperparameters
  readonly regularizer: Regularizer
  /** The initial parameters: `freshAdapter`, or those of a version. */
  readonly parameters: Tensors
  /** Of a closed form: its versions have its sums. */
  readonly publishesSums?: boolean | undefined
}

export function openTrainable(parts: TrainableParts): Trainable {
  const { closedForm, name } = methodOf(parts)
  const outputs = parts.task.outputs(parts.head)
  // Sums need one and the same embedding from first to last.
  if (closedForm !== undefined && parts.base.statistics !== undefined)
    throw invalidAdapter('method', name, 'a closed form needs base.features.standardise: false')
  return closedForm
    ? new ClosedFormTrainable({ ...parts, closedForm })
    : new AdapterTrainable({ ...parts, outputs })
}

const FORGETTING = 'forgetting/'

class AdapterTrainable implements Trainable {
  readonly #parts: TrainableParts & AdapterPlan
  readonly #optimizer: Optimizer
  readonly #weights: PresentWeights
  readonly observe?: NonNullable<Trainable['observe']>
  readonly testAndStep?: NonNullable<Trainable['testAndStep']>
  readonly embedding?: AdapterEmbedding
  readonly divergences?: NonNullable<Trainable['divergences']>
  #head: Head

  constructor(parts: TrainableParts & AdapterPlan) {
    checkTensors(specsOf(parts), parts.parameters)
    this.#parts = parts
    this.#optimizer = optimizerOf(parts.hyperparameters)
    this.#weights = new PresentWeights(parts, this.#optimizer)
    this.#head = parts.head
    const { nonTrainable, learning } = this.#parted(parts.parameters)
    this.#weights.use({ parameters: learning, slots: new Map(), steps: 0 }, nonTrainable)
    const { task, hyperparameters } = parts
    const counts = statisticsOf(parts).length > 0
    // Averaged weights score in place of those that learn, and without dropout.
    if ((hyperparameters.average ?? 0) === 0 && methodOf(parts).isRandomInSteps !== true)
      this.testAndStep = (rows, rateFactor = 1) => this.#step(rows, { rateFactor }, true)
    const isMoved = [...learning.keys()].some((name) => !name.startsWith('head.'))
    const hasClasses = task.classes !== undefined && task.reads === 'pooled'
    if (isMoved && hasClasses && !counts)
      this.embedding = new AdapterEmbedding({
        ...{ plan: parts, weights: this.#weights },
        outputs: () => this.#outputs,
      })
    if (task.reads === 'answers')
      this.divergences = (rows) => this.#engine.divergences?.(rows, this.#weights.averaged()) ?? []
    if (counts) this.observe = (rows) => this.#observe(rows)
  }

  get head(): Head {
    return this.#head
  }

  get statistics(): Tensors {
    return this.#weights.statistics
  }

  score(rows: readonly Latent[]): readonly Float32Array[] {
    if (rows.length === 0 || this.#outputs === 0) return rows.map(() => new Float32Array())
    if (this.#weights.isInPlace) return this.#engine.logits(rows)
    const mean = this.#weights.averaged()
    return mean ? this.#engine.logitsWith(mean, rows) : this.#engine.logits(rows)
  }

  step(rows: readonly TrainRow[], rateFactor = 1, headFactor = 1): StepResult {
    const by = { rateFactor, headFactor }
    const { loss, gradientNorm, dropped } = this.#step(rows, by, false)
    return { loss, gradientNorm, dropped }
  }

  #step(rows: readonly TrainRow[], by: RateFactors, needsLogits: boolean) {
    if (rows.length === 0) return { ...DROPPED, logits: [] }
    const { task, regularizer } = this.#parts
    const penalty = regularizer.addsNothing
      ? undefined
      : regularizer.penalty(this.#weights.present.parameters)
    // Spreads would take a sixth of the step of a linear head.
    const batch = gradientsOf(this.#weighed(rows), {
      engine: this.#engine,
      task,
      regularizer,
      head: this.#head,
      statistics: this.statistics,
      seed: this.#weights.steps,
      needsLogits,
      parameters: () => this.#weights.present.parameters,
    })
    const { loss, gradientNorm, dropped } = this.#learn(batch, penalty, by)
    return { loss, gradientNorm, dropped, logits: batch.logits }
  }

  #learn(
    batch: Gradients,
    penalty: ReturnType<Regularizer['penalty']>,
    by: RateFactors,
  ): StepResult {
    const loss = batch.loss + (penalty?.loss ?? 0)
    const gradients = penalty ? withPenalty(batch.gradients, penalty.gradients) : batch.gradients
    const gradientNorm = this.#weights.norm(gradients)
    if (!Number.isFinite(loss) || !this.#weights.move(gradients, gradientNorm, by)) return DROPPED
    const { regularizer } = this.#parts
    if (regularizer.addsNothing !== true) {
      const { parameters } = this.#weights.present
      regularizer.observe(parameters, shaped(batch.gradients, parameters))
    }
    return { loss, gradientNorm, dropped: false }
  }

  grow(head: Head): void {
    this.#head = head
    this.#weights.use(grown(this.#weights.present, this.#parts.task, this.#outputs))
  }

  parameters(): Tensors {
    const learned = this.#weights.averaged() ?? this.#weights.present.parameters
    return copied(new Map([...learned, ...this.statistics]))
  }

  snapshot(): TrainableState {
    const state = toState(this.#weights.present, this.#optimizer, this.#head)
    const remembered = [...this.#parts.regularizer.snapshot()]
    const named = remembered.map(([name, tensor]) => [FORGETTING + name, tensor] as const)
    const tensors = [...state.tensors, ...copied(this.statistics), ...named]
    return { ...state, tensors: new Map(tensors) }
  }

  restore(state: TrainableState): void {
    const specs = specsOf({ ...this.#parts, outputs: this.#parts.task.outputs(state.head) })
    const names = specs.map(({ name }) => name)
    const found = new Map([...state.tensors].filter(([name]) => names.includes(name)))
    const own = adopted(this.#parts, found)
    checkTensors(specs, own, 'CHECKPOINT_FOREIGN')
    const { nonTrainable, learning } = this.#parted(own)
    this.#head = state.head
    this.#weights.use(fromState(state, this.#optimizer, [...learning.keys()]), nonTrainable)
    const remembered = [...state.tensors].filter(([name]) => name.startsWith(FORGETTING))
    this.#parts.regularizer.restore(
      new Map(remembered.map(([name, tensor]) => [name.slice(FORGETTING.length), tensor])),
    )
  }

  dispose(): void {
    this.embedding?.close()
    this.#weights.dispose()
  }

  /** Counts rows for the statistics of base and task. Returns the latents to learn them from. */
  #observe(rows: readonly TrainRow[]): readonly Latent[] {
    const { base, task } = this.#parts
    let statistics = this.statistics
    const seen = rows.map(({ latent, target, weight }) => {
      const stamped = base.statistics?.stamp?.(statistics, latent)
      const ofBase = base.statistics?.observe(statistics, [latent])
      const ofTask = task.statistics?.observe(statistics, [{ target, weight }])
      statistics = new Map([...statistics, ...(ofBase ?? []), ...(ofTask ?? [])])
      return stamped ?? latent
    })
    this.#weights.useStatistics(statistics)
    return seen
  }

  /** `rows`, with less weight where the statistics of the base give it. */
  #weighed(rows: readonly TrainRow[]): readonly TrainRow[] {
    const { statistics } = this.#parts.base
    if (statistics?.weight === undefined) return rows
    const factors = rows.map(({ latent }) => statistics.weight?.(this.statistics, latent) ?? 1)
    if (factors.every((factor) => factor === 1)) return rows
    return rows.map((row, at) => {
      const factor = factors[at] ?? 1
      const { part } = row
      const weight = row.weight * factor
      return { ...row, weight, ...(part && { part: { ...part, target: part.target * factor } }) }
    })
  }

  get #engine(): AdapterEngine {
    return this.#weights.engine
  }

  get #outputs(): number {
    return this.#parts.task.outputs(this.#head)
  }

  /** Copies. */
  #parted(parameters: Tensors): { readonly nonTrainable: Tensors; readonly learning: Tensors } {
    const names = new Set(statisticsOf(this.#parts).map(({ name }) => name))
    const part = (isCounted: boolean) =>
      copied(new Map([...parameters].filter(([name]) => names.has(name) === isCounted)))
    return { nonTrainable: part(true), learning: part(false) }
  }
}
