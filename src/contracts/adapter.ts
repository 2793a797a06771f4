/** Adapter methods, and one adapter under training. */
import type { Json, Settings, SettingsOf, Tensors } from './core.ts'
import type { Base } from './base.ts'
import type { Adaptation, Latent, TargetModule } from './network.ts'
import type { Ops, ParameterSpec } from './ops.ts'
import type { EmbeddedRow, EmbeddingLoss, LossPart } from './policy.ts'
import type { Head, Target } from './example.ts'
import type { TaskHead } from './task.ts'

/**
 * A method with its settings, as a version's manifest keeps it: the fields that every method has, and the settings that
 * the method declares, under their names in the config. An older version may lack some.
 */
export interface AdapterConfig {
  readonly method: string
  /** 0 if the method has none. */
  readonly rank: number
  readonly alpha: number
  /** Upper layers that the adapter may reach; 'all' = every layer. */
  readonly tail_layers: number | 'all'
  readonly [setting: string]: unknown
}

/** The config of a method that has this table of settings. */
export type ConfigOf<Table> = AdapterConfig & Partial<SettingsOf<Table>>

/** A way to fine-tune, as a plug-in. `open` gets the settings that a version was made with, which may be fewer than today's. */
export interface MethodPlugin {
  readonly summary: string
  readonly settings: Settings
  open(config: AdapterConfig): Method
}

/**
 * One way to fine-tune. `parameters` declares the trainable tensors (a fresh adapter leaves the output unchanged), and
 * `adaptation` is the equation. `fold` rewrites trained tensors for serving so that adapters with other settings share
 * one graph (LoRA: α/r goes into B); the graph is then built with `adaptation(…, folded = true)`. `base` is the
 * method's view of the base. Folding keeps shapes up to the ranks, which it may pad with zeros so that adapters of
 * different ranks share runs.
 */
export interface Method {
  readonly name: string
  /** The head is computed from sums, and a step only adds to the sums; absent = the head learns by gradients. */
  readonly closedForm?: ClosedForm
  /**
   * Its tensors are as large as those of the base, and one copy per row of a batch would be too much: the server never
   * runs rows of two such adapters together.
   */
  readonly alone?: true
  /** Its steps drop inputs at random, so their forward pass cannot serve as a test. */
  readonly isRandomInSteps?: true
  /**
   * The base as the head of this method sees it: the same hash, possibly with another embedding, computed from more
   * layers or through more frozen weights. Equal arguments give the same object, and a view of a view is that view.
   * Absent = the base itself. `reads`: what the head reads.
   */
  view?(base: Base, reads: TaskHead['reads']): Base
  parameters(sites: readonly TargetModule[]): readonly ParameterSpec[]
  adaptation<T>(ops: Ops<T>, sites: readonly TargetModule[], folded: boolean): Adaptation<T>
  /**
   * Projects parameters back onto the set they must stay in (orthonormal matrices, for example). Called with all
   * parameters after each step, and with their average. Returns every parameter, also the unchanged ones.
   */
  retract?(parameters: Tensors): Tensors
  fold(parameters: Tensors, base: Base): Tensors
  /** Tensor names and orientation in `adapter_model.safetensors`, for both directions, and PEFT's config fields. */
  toDisk(parameters: Tensors, sites: readonly TargetModule[]): Tensors
  fromDisk(tensors: Tensors, sites: readonly TargetModule[]): Tensors
  peftConfig(sites: readonly TargetModule[], base: Base): Readonly<Record<string, Json>>
}

/**
 * The state of a method without gradients: sums over examples x [width] with weight w. An example that only rules out
 * one answer is divided among the other classes.
 */
export interface ClassSums {
  readonly width: number
  /** n_c = Σ w, one per class. */
  readonly counts: Float64Array
  /** s_c = Σ w·x, [classes, width]. */
  readonly sums: Float64Array
  /** G = Σ w·x·xᵀ over all classes: the lower triangle, row by row. Empty unless the method needs it. */
  readonly moments: Float32Array | Float64Array
}

/** The same where any number of classes may be right: each has sums of its own, over the examples that say whether it is. */
export interface IndependentSums {
  readonly width: number
  /** Of the examples that have it: counts [classes], sums [classes, width]. */
  readonly yes: Pick<ClassSums, 'counts' | 'sums'>
  /** Of those, and of the examples that do not have it. */
  readonly known: Pick<ClassSums, 'counts' | 'sums'>
  /** Of every example once: N, Σ w·x, and G as in `ClassSums`. */
  readonly all: {
    readonly count: number
    readonly sum: Float64Array
    readonly moments: Float32Array | Float64Array
  }
}

/** A head that is computed from sums over the examples. */
export interface ClosedForm {
  readonly needsMoments: boolean
  /** It takes the means out of the moments, which leaves little of them: they are kept in more than single precision. */
  readonly subtractsMeans?: true
  /**
   * weight [classes, width] and bias [classes] of the logits, up to a scale and a constant that the trainer chooses.
   * Every class has at least one example. Called at most once per version.
   */
  solve(
    sums: ClassSums,
    solver?: RidgeSolver,
  ): { readonly weight: Float64Array; readonly bias: Float64Array }
  /**
   * One class against the rest: the evidence for each, x·w_c + b_c, up to a factor for all that the trainer chooses. Of each class there are
   * examples with it and without it. Absent = it only separates classes that exclude each other.
   */
  solveEach?(
    sums: IndependentSums,
    solver?: RidgeSolver,
  ): { readonly weight: Float64Array; readonly bias: Float64Array }
}

/**
 * X [classes, width] of X·(G + λ·I) = S, for the `moments` G and the `sums` S. An engine may solve it in its own way,
 * for wide embeddings; if it returns undefined, the method solves it itself.
 */
export interface RidgeSolver {
  (sums: ClassSums, lambda: number): Float64Array | undefined
  /** A·Bᵀ of rows that are `width` long, where there are many; else undefined, and the method computes it itself. */
  products(a: Float64Array, b: Float64Array, width: number): Float64Array | undefined
}

/** What a version says of the exact sums that its head was solved from. */
export interface SumsReport {
  /** sha256 over the sums; absent if some of them were rounded, in an earlier release. */
  readonly digest?: string
  /** What they are over: base and projection. */
  readonly identity: string
  /** Examples in them. */
  readonly examples: number
  /** Of these, the ones that only rule out an answer: their shares depend on the order. */
  readonly divided: number
  /** The part of all numbers that was beyond the range, and clipped. */
  readonly clipped: number
  /** The factor on the logits, which is fitted to answers: it depends on the order. Of labels that exclude each other it changes no answer. */
  readonly scale: number
}

/** The head of a version, and its parameters, the sums among them. `identity`: what these are over. */
export interface SummedVersion {
  readonly head: Head
  readonly parameters: Tensors
  readonly identity: string | undefined
}

export interface TrainRow {
  readonly latent: Latent
  readonly target: Target
  readonly weight: number
  /** How likely its target is wrong; absent = 0. */
  readonly doubt?: number
  /** A replayed row, not a new one. */
  readonly isReplayed?: boolean
  /** Absent: its target counts for weight / rows of the step, and it has no other part in the loss. */
  readonly part?: LossPart
  /** Logits stored with the example; `part.logits` pulls towards them. */
  readonly logits?: Float32Array
  /** Answered with it to measure how far the adapter has moved from the base; nothing learns from it. */
  readonly beside?: Latent
}

export interface StepResult {
  /** Mean loss of the batch before the step; NaN means that the step was dropped and the weights kept. */
  readonly loss: number
  readonly gradientNorm: number
  readonly dropped: boolean
}

export interface Hyperparameters {
  readonly learning_rate: number
  /** The learning rate for `head.*`, absent = 10 × `learning_rate`: heads start from zero and learn faster. */
  readonly head_learning_rate?: number | undefined
  readonly optimizer: 'adam' | 'sgd'
  readonly momentum: number
  readonly clip_norm: number
  /** λ of AdamW; absent = 0. */
  readonly weight_decay?: number
  /** s: after t steps it is λ·s / (s + t); absent or 0 = always λ. */
  readonly weight_decay_steps?: number
  /**
   * The decay of the weight average. Averaged weights score and go into versions; absent or 0 = the newest weights do.
   */
  readonly average?: number
}

/**
 * One adapter under training on an engine: synchronous; holds tensors and leaves none behind after a call (law 8).
 * Deterministic: equal snapshots and equal calls give equal bytes on one machine.
 */
export interface Trainable {
  readonly head: Head
  /** The statistics of base and task now; absent if they have none. */
  readonly statistics?: Tensors
  /** It keeps sums instead of taking steps: an example changes it for good, and must come only once. */
  readonly learnsOnce?: true
  /** Outputs of each row under the current weights; none while the head has none. */
  score(rows: readonly Latent[]): readonly Float32Array[]
  /** `rateFactor` multiplies both learning rates for this step, and `headFactor` that of the head once more; absent = 1. */
  step(rows: readonly TrainRow[], rateFactor?: number, headFactor?: number): StepResult
  /**
   * For rows of texts: KL divergence of the next token from the base without an adapter, the mean over each row's
   * answers, in nats.
   */
  divergences?(rows: readonly Latent[]): readonly number[]
  /**
   * The same step, which also returns the logits of each row before it. Absent when the forward pass of the step does
   * not yield them for free. `continues`: they are of the same block as those of the call before, and a closed form tests them by
   * the same head.
   */
  testAndStep?(
    rows: readonly TrainRow[],
    rateFactor?: number,
    continues?: boolean,
  ): StepResult & { readonly logits: readonly Float32Array[] }
  /**
   * Updates the statistics, or a state that learns event by event. Called once for each new example, in order, after
   * its test and before the first step that learns it. Returns the latents to learn it from, now and later. Absent if
   * there is nothing to update.
   */
  observe?(rows: readonly TrainRow[]): readonly Latent[]
  /**
   * Unlearns rows. Only closed forms can, for rows with a right class. Throws STEP_DROPPED, and changes nothing, if the
   * result would not be finite.
   */
  forget?(rows: readonly SummedRow[]): void
  /** `state` with the present sums, without `gone` and with `back`. Changes nothing here; undefined if the sums are not exact. */
  resummed?(
    state: TrainableState,
    gone: readonly SummedRow[],
    back: readonly SummedRow[],
  ): TrainableState | undefined
  /** Examples in exact sums, and outputs that have some; undefined if it has no such sums. */
  readonly summed?: SummedExamples | undefined
  /** Of exact sums; undefined if it has none. */
  sums?(): SumsReport | undefined
  /** Undefined if it has no exact sums, or some that not every example can be taken out of. */
  readonly without?: SumsWithout | undefined
  /** Adds the sums of these versions. Throws `SUMS_FOREIGN` for those of another base or projection. Only exact sums can. */
  merge?(versions: readonly SummedVersion[]): void
  /** Absent if the embedding never changes, if the base has statistics, or if the task has no classes. */
  readonly embedding?: EmbeddingTraining
  /** `head` begins with the current one; new outputs start at zero. */
  grow(head: Head): void
  /** Trainable tensors only, as a version stores them: averaged if the hyperparameters ask for it. */
  parameters(): Tensors
  /**
   * Parameters, optimizer moments (`optimizer/<slot>/<parameter>`), the regularizer's state (`forgetting/…`), counters.
   */
  snapshot(): TrainableState
  restore(state: TrainableState): void
  dispose(): void
}

export type SummedRow = Pick<TrainRow, 'latent' | 'target' | 'weight'>

export interface SumsWithout {
  /** The head of the present sums without these rows, equal to the bit to that of sums which never had them. Changes nothing. */
  without(rows: readonly SummedRow[]): LeftOutHead
}

export interface LeftOutHead {
  /** The outputs of each row. The same array again is not embedded again. */
  answer(rows: readonly Latent[]): readonly Float32Array[]
  /** Of the sums that are left. */
  readonly digest: string
  /** Columns of the outputs with an example that is left. */
  readonly known: readonly number[]
}

export interface SummedExamples {
  readonly examples: number
  readonly outputs: number
}

/** Steps on the embedding itself, and a head that fits it. */
export interface EmbeddingTraining {
  /** The embedding of each row, under the current weights. */
  of(rows: readonly Latent[]): readonly Float32Array[]
  /** One step of the adapter alone. `lossOf` gets the embeddings of all rows. */
  step(
    rows: readonly Latent[],
    lossOf: (embeddings: readonly Float32Array[]) => EmbeddingLoss,
    rateFactor: number,
  ): StepResult
  /** Ends these steps: replaces the head by the one that answers `rows` best. Optimizer state starts again. */
  fitHead(rows: readonly EmbeddedRow[], penalty?: number): void
}

/** The embedding of each row that a head reads. Holds tensors until it is closed. */
export interface Embedder extends Pick<EmbeddingTraining, 'of'> {
  close(): void
}

export interface TrainableState {
  readonly head: Head
  readonly tensors: Tensors
  readonly steps: number
}
