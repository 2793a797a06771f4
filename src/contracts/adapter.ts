/** Adapter methods, and one adapter under training. */
import type { Json, Tensors } from './core.ts'
import type { Adaptation, Base, Latent, Ops, ParameterSpec, TargetModule } from './network.ts'
import type { LossPart } from './policy.ts'
import type { Target } from './task.ts'

export interface AdapterConfig {
  readonly method: string
  readonly rank: number
  readonly alpha: number
  /** Upper layers that the adapter may reach; 'all' = every layer. */
  readonly tail_layers: number | 'all'
  /** Roles to adapt; absent = every linear site of the tail. */
  readonly sites?: readonly string[] | undefined
  /** lora, dora: the scale is α/√r; absent = α/r. */
  readonly rslora?: boolean | undefined
  /** lora, dora: the share of its inputs that a step leaves out. */
  readonly dropout?: number | undefined
  /** lora, dora: ranks by role, where they are not `rank`. */
  readonly ranks?: Readonly<Record<string, number>> | undefined
  /** loreft: layers of the tail to edit, counted from the bottom of the network; absent = all. */
  readonly layers?: readonly number[] | undefined
  /** loreft: how many of the first and of the last positions of a text it edits; absent = all. */
  readonly positions?:
    { readonly first?: number | undefined; readonly last?: number | undefined } | undefined
  /** bottleneck: behind attention and feed-forward layers, or behind the latter alone. */
  readonly placement?: string | undefined
  /** Closed forms on text: layers whose outputs the embedding is made of, uppermost first; absent = 1. */
  readonly depth?: number | undefined
  /** slda: ε of the covariance. */
  readonly shrinkage?: number | undefined
  /** ranpac: dimensions behind the projection, and λ in mean squares of one of them. */
  readonly features?: number | undefined
  readonly ridge?: number | undefined
}

/**
 * One way to fine-tune. `parameters` declares the trainable tensors (a fresh adapter leaves the output unchanged),
 * `adaptation` the equation. `fold` rewrites trained tensors for serving so that adapters of other knobs share one
 * graph (LoRA: α/r goes into B); `adaptation(…, folded = true)` is then used with them. `base` is the method's view.
 * Folding keeps shapes up to the ranks, which the server pads with zeros.
 */
export interface Method {
  readonly name: string
  /** Its head comes from sums, and its steps only add to them; absent = it learns by gradients. */
  readonly closedForm?: ClosedForm
  /**
   * Its tensors are as big as the base's, so that giving each row of a batch its own would copy too much: rows of two
   * adapters never share a run of the server.
   */
  readonly alone?: true
  /**
   * The base as this method's head sees it: the same hash, and perhaps another embedding, made of more of the base or by
   * more frozen weights. Equal arguments give the same object, and a view of a view is that view. Absent = the base as it is.
   */
  view?(base: Base, config: AdapterConfig): Base
  parameters(sites: readonly TargetModule[], config: AdapterConfig): readonly ParameterSpec[]
  adaptation<T>(
    ops: Ops<T>,
    sites: readonly TargetModule[],
    config: AdapterConfig,
    folded: boolean,
  ): Adaptation<T>
  /**
   * Back to where its tensors live, where that is not everywhere: called with all parameters after each step, and with
   * their average. Answers those that it leaves alone too.
   */
  retract?(parameters: Tensors): Tensors
  fold(parameters: Tensors, config: AdapterConfig, base: Base): Tensors
  /** Tensor names and orientation in `adapter_model.safetensors`, both ways, and PEFT's config fields. */
  toDisk(parameters: Tensors, sites: readonly TargetModule[]): Tensors
  fromDisk(tensors: Tensors, sites: readonly TargetModule[]): Tensors
  peftConfig(
    config: AdapterConfig,
    sites: readonly TargetModule[],
    base: Base,
  ): Readonly<Record<string, Json>>
}

/**
 * What a method without gradients knows: sums over examples x [width] of weight w. An example of which only a wrong
 * answer is known is shared out among the other labels.
 */
export interface ClassSums {
  readonly width: number
  /** n_c = Σ w, one a label. */
  readonly counts: Float32Array
  /** s_c = Σ w·x, [labels, width]. */
  readonly sums: Float32Array
  /** G = Σ w·x·xᵀ over all labels: the lower triangle, row by row. Empty unless the method needs it. */
  readonly moments: Float32Array
}

/** A head that follows from sums over the examples. */
export interface ClosedForm {
  readonly needsMoments: boolean
  /**
   * weight [labels, width] and bias [labels] of logits up to a scale and a constant, which the trainer chooses. Every
   * label has been seen. Called once a version at most.
   */
  solve(
    sums: ClassSums,
    config: AdapterConfig,
  ): { readonly weight: Float64Array; readonly bias: Float64Array }
}

export interface TrainRow {
  readonly latent: Latent
  readonly target: Target
  readonly weight: number
  /** Rehearsed, not new. */
  readonly isReplayed?: boolean
  /** Absent: its target counts for weight / rows of the step, and nothing else does. */
  readonly part?: LossPart
  /** Kept with it; what `part.logits` pulls towards. */
  readonly logits?: Float32Array
}

export interface StepResult {
  /** Mean loss of the batch before the step; NaN means that the step was dropped and the weights kept. */
  readonly loss: number
  readonly gradientNorm: number
  readonly dropped: boolean
}

export interface Hyperparameters {
  readonly learning_rate: number
  /** The rate for `head.*`, absent = 10 × `learning_rate`: heads start from zero and learn faster. */
  readonly head_learning_rate?: number | undefined
  readonly optimizer: 'adam' | 'sgd'
  readonly momentum: number
  readonly clip_norm: number
  /** λ of AdamW; absent = 0. */
  readonly weight_decay?: number
  /** s: after t steps it is λ·s / (s + t); absent or 0 = always λ. */
  readonly weight_decay_steps?: number
  /** What averaged weights keep in a step: they score then, and go into versions; absent or 0 = the newest do. */
  readonly average?: number
}

/**
 * One adapter under training on an engine: synchronous, holds tensors, leaves none behind after a call (law 8).
 * Deterministic: equal snapshots and equal calls give equal bytes on one machine.
 */
export interface Trainable {
  readonly labels: readonly string[]
  /** An example counts for good and must not come twice: sums, where others take steps. */
  readonly learnsOnce?: true
  /** Logits of each row with the present weights, one array of `labels.length` a row. */
  score(rows: readonly Latent[]): readonly Float32Array[]
  /** `rateFactor` multiplies both learning rates for this step; absent = 1. */
  step(rows: readonly TrainRow[], rateFactor?: number): StepResult
  /** The same step, with the logits of each row before it. Absent where its forward pass does not have them for nothing. */
  testAndStep?(
    rows: readonly TrainRow[],
    rateFactor?: number,
  ): StepResult & { readonly logits: readonly Float32Array[] }
  /**
   * What is counted, or learned event by event: called once for each new example, in order, after its test and before
   * the first step that learns it. Answers the latents to learn it from, now and later. Absent where nothing is.
   */
  observe?(rows: readonly TrainRow[]): readonly Latent[]
  /** Takes back rows that were learned, where that can be done: closed forms, of rows with a right label. */
  forget?(rows: readonly Pick<TrainRow, 'latent' | 'target' | 'weight'>[]): void
  /** Adds label rows to the head, zero-started. */
  grow(labels: readonly string[]): void
  /** Trainable tensors only, as a version keeps them: averaged where knobs ask for it. */
  parameters(): Tensors
  /** Parameters, optimizer moments (`optimizer/<slot>/<parameter>`), the forgetting policy's (`forgetting/…`), counters. */
  snapshot(): TrainableState
  restore(state: TrainableState): void
  dispose(): void
}

export interface TrainableState {
  readonly labels: readonly string[]
  readonly tensors: Tensors
  readonly steps: number
}
