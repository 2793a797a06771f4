/**
 * One adapter under training: forward and backward on the engine, everything else in plain memory.
 *
 * The engine holds the frozen tail, shared by the trainables of one base, and a copy of the present parameters; other
 * tensors of a call are released when it returns. A step is dropped if its loss, gradient or new weights are not finite.
 */
import type {
  Method,
  StepResult,
  Trainable,
  TrainableState,
  Hyperparameters,
  TrainRow,
} from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { EmbeddedRow, Regularizer } from '../contracts/policy.ts'
import type { Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import {
  type AdapterPlan,
  areFinite,
  checkTensors,
  methodOf,
  specsOf,
  statisticsOf,
} from '../adapters/adapter.ts'
import { invalidAdapter } from '../adapters/target-modules.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import type { BaseTensors } from './base-tensors.ts'
import type { Compiling } from './compiled-network.ts'
import { AdapterEmbedding } from './embedding-training.ts'
import { openClosedForm } from './closed-form.ts'
import { type AdapterEngine, EngineAdapter, type Gradients } from './engine-adapter.ts'
import { KernelWeights } from './kernel-weights.ts'
import { isPlain, PlainAdapter } from './plain-adapter.ts'
import { globalNorm, type Optimizer } from './optimizer.ts'
import { optimizerOf } from './optimizer-of.ts'
import { lossOf, type Taught, taughtBy } from './loss.ts'
import { logisticHead } from './logistic-head.ts'
import {
  averaged,
  copied,
  fromState,
  grown,
  retracted,
  stepped,
  toState,
  type Weights,
} from './weights.ts'

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
}

export function openTrainable(parts: TrainableParts): Trainable {
  const { closedForm, name } = methodOf(parts)
  const outputs = parts.task.outputs(parts.head)
  // Sums need one and the same embedding from first to last.
  if (closedForm !== undefined && parts.base.statistics !== undefined)
    throw invalidAdapter('method', name, 'a closed form needs base.features.standardise: false')
  return closedForm
    ? openClosedForm({ ...parts, closedForm })
    : new AdapterTrainable({ ...parts, outputs })
}

const FORGETTING = 'forgetting/'
const DROPPED: StepResult = { loss: NaN, gradientNorm: NaN, dropped: true }

class AdapterTrainable implements Trainable {
  readonly #parts: TrainableParts & AdapterPlan
  readonly #method: Method
  readonly #optimizer: Optimizer
  readonly #engine: AdapterEngine
  /** Where the plain engine's steps are made in place. */
  readonly #inPlace: { readonly weights: KernelWeights; readonly engine: PlainAdapter } | undefined
  readonly observe?: NonNullable<Trainable['observe']>
  readonly testAndStep?: NonNullable<Trainable['testAndStep']>
  readonly embedding?: AdapterEmbedding
  readonly divergences?: NonNullable<Trainable['divergences']>
  #head: Head
  /** Where steps are not made in place. */
  #held: Weights = { parameters: new Map(), slots: new Map(), steps: 0 }
  /** What base and task count, apart from what steps move. */
  #statistics: Tensors

  constructor(parts: TrainableParts & AdapterPlan) {
    checkTensors(specsOf(parts), parts.parameters)
    this.#parts = parts
    this.#method = methodOf(parts)
    this.#optimizer = optimizerOf(parts.hyperparameters)
    const isInPlace = parts.regularizer.addsNothing === true && !this.#method.retract
    const weights = isInPlace
      ? new KernelWeights(this.#optimizer, parts.hyperparameters)
      : undefined
    const plain = isPlain(parts) ? new PlainAdapter(parts, weights) : undefined
    this.#inPlace = plain && weights && { weights, engine: plain }
    this.#engine = plain ?? new EngineAdapter(parts)
    this.#head = parts.head
    const { nonTrainable, learning } = this.#parted(parts.parameters)
    this.#statistics = nonTrainable
    this.#use({ parameters: learning, slots: new Map(), steps: 0 })
    // Averaged weights score in place of those that learn, and without dropout.
    if ((parts.hyperparameters.average ?? 0) === 0 && this.#method.isRandomInSteps !== true)
      this.testAndStep = (rows, rateFactor) => this.#step(rows, rateFactor)
    const isMoved = [...learning.keys()].some((name) => !name.startsWith('head.'))
    const hasClasses = parts.task.classes !== undefined && parts.task.reads === 'pooled'
    if (isMoved && hasClasses && statisticsOf(parts).length === 0)
      this.embedding = this.#openEmbedding()
    if (parts.task.reads === 'answers')
      this.divergences = (rows) => this.#engine.divergences?.(rows, this.#averaged()) ?? []
    if (statisticsOf(parts).length > 0)
      this.observe = (rows) => {
        const seen = rows.map((row) => this.#count(row))
        this.#load()
        return seen
      }
  }

  get head(): Head {
    return this.#head
  }

  get statistics(): Tensors {
    return this.#statistics
  }

  score(rows: readonly Latent[]): readonly Float32Array[] {
    if (rows.length === 0 || this.#outputs === 0) return rows.map(() => new Float32Array())
    if (this.#inPlace !== undefined) return this.#engine.logits(rows)
    const mean = this.#averaged()
    return mean ? this.#engine.logitsWith(mean, rows) : this.#engine.logits(rows)
  }

  step(rows: readonly TrainRow[], rateFactor = 1): StepResult {
    const { loss, gradientNorm, dropped } = this.#step(rows, rateFactor)
    return { loss, gradientNorm, dropped }
  }

  #step(rows: readonly TrainRow[], rateFactor = 1) {
    if (rows.length === 0) return { ...DROPPED, logits: [] }
    const { regularizer } = this.#parts
    const penalty = regularizer.addsNothing
      ? undefined
      : regularizer.penalty(this.#weights.parameters)
    const batch = this.#gradients(rows)
    return { ...this.#learn(batch, penalty, rateFactor), logits: batch.logits }
  }

  /** Of the loss alone. Where replayed rows only veto, theirs are computed by themselves. */
  #gradients(rows: readonly TrainRow[]): Gradients {
    const { regularizer, task } = this.#parts
    const fresh = rows.filter(({ isReplayed }) => isReplayed !== true)
    const taught = this.#taught(fresh)
    const drift = this.#drift(rows)
    const step = { task, head: this.#head, statistics: this.#statistics, taught, drift }
    const of = (some: readonly TrainRow[], part = 'all') =>
      this.#engine.gradients(
        some,
        (group, outputs) => lossOf(group, outputs, some.length, step),
        `${this.#steps}/${part}`,
      )
    const replayed = rows.filter(({ isReplayed }) => isReplayed === true)
    if (regularizer.project === undefined || fresh.length === 0 || replayed.length === 0)
      return of(rows)
    const [own, other] = [of(fresh, 'fresh'), of(replayed, 'replayed')]
    const like = this.#weights.parameters
    const followed = regularizer.project(shaped(own.gradients, like), shaped(other.gradients, like))
    return {
      loss: own.loss,
      gradients: new Map([...followed].map(([name, { data }]) => [name, data])),
      logits: [...own.logits, ...other.logits],
    }
  }

  /** Not differentiated. */
  #drift(rows: readonly TrainRow[]): number | undefined {
    if (this.#parts.task.texts === undefined) return undefined
    const beside = rows.flatMap((row) => row.beside ?? [])
    if (beside.length === 0) return undefined
    return this.#parts.task.texts.drift(this.#engine.logits(beside))
  }

  #taught(fresh: readonly TrainRow[]): Taught | undefined {
    const teacher = this.#parts.regularizer.teacher?.()
    if (teacher === undefined || fresh.length === 0) return undefined
    const latents = fresh.map(({ latent }) => latent)
    return taughtBy(teacher, fresh, this.#engine.logitsWith(teacher.parameters, latents))
  }

  #learn(
    batch: Gradients,
    penalty: ReturnType<Regularizer['penalty']>,
    rateFactor: number,
  ): StepResult {
    const loss = batch.loss + (penalty?.loss ?? 0)
    const gradients = penalty ? sum(batch.gradients, penalty.gradients) : batch.gradients
    const gradientNorm = this.#norm(gradients)
    if (!Number.isFinite(loss) || !this.#move(gradients, gradientNorm, rateFactor)) return DROPPED
    const { regularizer } = this.#parts
    if (regularizer.addsNothing !== true) {
      const { parameters } = this.#weights
      regularizer.observe(parameters, shaped(batch.gradients, parameters))
    }
    return { loss, gradientNorm, dropped: false }
  }

  /** Whether every number is finite; if not, nothing moves. */
  #move(gradients: Gradients['gradients'], norm: number, rateFactor: number): boolean {
    if (!Number.isFinite(norm)) return false
    if (this.#inPlace !== undefined) return this.#inPlace.weights.step(norm, rateFactor)
    const by = { ...this.#parts.hyperparameters, rateFactor }
    const free = stepped(this.#weights, this.#optimizer, gradients, norm, by)
    if (free !== undefined) this.#use(retracted(free, this.#optimizer, this.#method))
    return free !== undefined
  }

  #norm(gradients: Gradients['gradients']): number {
    return this.#inPlace?.weights.norm(gradients) ?? globalNorm(gradients.values())
  }

  #openEmbedding(): AdapterEmbedding {
    return new AdapterEmbedding({
      plan: this.#parts,
      present: () => this.#all(),
      seed: () => `${this.#steps}/embedding`,
      learn: (own, { loss, rateFactor }) => {
        const still = [...this.#weights.parameters].map(
          ([name, { data }]) => [name, new Float32Array(data.length)] as const,
        )
        const gradients = new Map([...still, ...own])
        const norm = this.#norm(gradients)
        const isMade = Number.isFinite(loss) && this.#move(gradients, norm, rateFactor)
        return isMade ? { loss, gradientNorm: norm, dropped: false } : DROPPED
      },
      setHead: (rows, penalty) => {
        this.#setHead(rows, penalty)
      },
    })
  }

  /** What the optimizer remembers is of another loss. */
  #setHead(rows: readonly EmbeddedRow[], penalty?: number): void {
    const { base, task } = this.#parts
    const { width, unit } = base.network
    const scale = task.scale(unit)
    const fitted = logisticHead(rows, {
      ...{ width, outputs: this.#outputs, scale },
      ...(penalty !== undefined && { penalty }),
    })
    const parameters = new Map([...this.#weights.parameters, ...fitted])
    if ([...fitted.values()].every(({ data }) => areFinite(data)))
      this.#use({ parameters, slots: new Map(), steps: 0 })
  }

  grow(head: Head): void {
    this.#head = head
    this.#use(grown(this.#weights, this.#parts.task, this.#outputs))
  }

  parameters(): Tensors {
    const learned = this.#averaged() ?? this.#weights.parameters
    return copied(new Map([...learned, ...this.#statistics]))
  }

  snapshot(): TrainableState {
    const state = toState(this.#weights, this.#optimizer, this.#head)
    const remembered = [...this.#parts.regularizer.snapshot()]
    const named = remembered.map(([name, tensor]) => [FORGETTING + name, tensor] as const)
    const tensors = [...state.tensors, ...copied(this.#statistics), ...named]
    return { ...state, tensors: new Map(tensors) }
  }

  restore(state: TrainableState): void {
    const specs = specsOf({ ...this.#parts, outputs: this.#parts.task.outputs(state.head) })
    const names = specs.map(({ name }) => name)
    const found = new Map([...state.tensors].filter(([name]) => names.includes(name)))
    const own = this.#parts.base.statistics?.adopt?.(found) ?? found
    checkTensors(specs, own, 'CHECKPOINT_FOREIGN')
    const { nonTrainable, learning } = this.#parted(own)
    this.#head = state.head
    this.#statistics = nonTrainable
    this.#use(fromState(state, this.#optimizer, [...learning.keys()]))
    const remembered = [...state.tensors].filter(([name]) => name.startsWith(FORGETTING))
    this.#parts.regularizer.restore(
      new Map(remembered.map(([name, tensor]) => [name.slice(FORGETTING.length), tensor])),
    )
  }

  get #outputs(): number {
    return this.#parts.task.outputs(this.#head)
  }

  /** Returns the latent to learn it from. */
  #count({ latent, target, weight }: TrainRow): Latent {
    const { base, task } = this.#parts
    const stamped = base.statistics?.stamp?.(this.#statistics, latent)
    const ofBase = base.statistics?.observe(this.#statistics, [latent])
    const ofTask = task.statistics?.observe(this.#statistics, [{ target, weight }])
    this.#statistics = new Map([...this.#statistics, ...(ofBase ?? []), ...(ofTask ?? [])])
    return stamped ?? latent
  }

  #averaged(): Tensors | undefined {
    const mean = averaged(this.#weights, this.#optimizer)
    return mean && (this.#method.retract?.(mean) ?? mean)
  }

  dispose(): void {
    this.embedding?.close()
    this.#engine.dispose()
    this.#inPlace?.weights.close()
  }

  get #weights(): Weights {
    return this.#inPlace?.weights.weights ?? this.#held
  }

  get #steps(): number {
    return this.#inPlace?.weights.steps ?? this.#held.steps
  }

  #use(weights: Weights): void {
    if (this.#inPlace === undefined) this.#held = weights
    else if (this.#inPlace.weights.load(weights)) this.#inPlace.engine.moved()
    this.#load()
  }

  #load(): void {
    this.#engine.load(this.#inPlace === undefined ? this.#all() : this.#statistics)
  }

  #all(): Tensors {
    return new Map([...this.#weights.parameters, ...this.#statistics])
  }

  /** Copied. */
  #parted(parameters: Tensors): { readonly nonTrainable: Tensors; readonly learning: Tensors } {
    const names = new Set(statisticsOf(this.#parts).map(({ name }) => name))
    const part = (isCounted: boolean) =>
      copied(new Map([...parameters].filter(([name]) => names.has(name) === isCounted)))
    return { nonTrainable: part(true), learning: part(false) }
  }
}

function sum(
  gradients: ReadonlyMap<string, Float32Array>,
  penalty: Tensors,
): ReadonlyMap<string, Float32Array> {
  return new Map(
    [...gradients].map(([name, gradient]) => {
      const added = penalty.get(name)?.data
      if (added === undefined) return [name, gradient]
      const total = gradient.slice()
      for (let at = 0; at < total.length; at += 1) total[at] = (total[at] ?? 0) + (added[at] ?? 0)
      return [name, total]
    }),
  )
}

function shaped(gradients: ReadonlyMap<string, Float32Array>, like: Tensors): Tensors {
  return new Map(
    [...gradients].map(([name, data]) => [name, { shape: like.get(name)?.shape ?? [], data }]),
  )
}
