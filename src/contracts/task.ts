/**
 * The purpose of a model. The core passes targets, outputs and answers around without reading them: only the task knows
 * their meaning.
 *
 * A task is opened with its settings (`open(settings) → Task`), so no other part carries them. The parts that need no
 * settings, the tensors of its head and their place in the graph, are `TaskHead`.
 */
import type { Json, Plugin, Tensor, Tensors } from './core.ts'
import type { FeedbackSignal } from './event.ts'
import type { Head, Score, TaskFacts } from './example.ts'
import type { Ops, ParameterSpec } from './ops.ts'
import type { TaskView } from './task-view.ts'
import type { TextTask } from './text-task.ts'

/** One row of a step. */
export interface LossRow<Target> {
  readonly target: Target
  readonly outputs: Float32Array
  /** What its target counts for in the loss of the step. */
  readonly share: number
  /** How likely its target is wrong; absent = 0. A task may ignore it. */
  readonly doubt?: number | undefined
  /** The columns that compete; absent = all. */
  readonly among?: readonly number[] | undefined
  /** How far the adapter has moved from the base; absent = it is not measured. */
  readonly drift?: number | undefined
}

/** The tensors of a head, and how they become outputs. The same for every model of the task. */
export interface TaskHead<Target = Json> {
  readonly kind: string
  /**
   * Which output of the network it reads: the pooled embedding [b, 1, width], or every position [b, s, width]. `answers`: it
   * learns from the log-probability of each token of an answer, `answersIn`; it has no head, and `logits` gets the embedding.
   */
  readonly reads: 'pooled' | 'positions' | 'answers'
  /** The head of a version, as it was written. */
  headIn(facts: TaskFacts): Head
  /**
   * How many outputs. With 0 the head answers nothing yet: it is neither computed nor served. Infinity: as many as the row has.
   */
  outputs(head: Head): number
  /** `head.weight` [width, outputs] and `head.bias` [outputs]; they start at zero, and the trainer learns them faster. */
  parameters(width: number, outputs: number): readonly ParameterSpec[]
  /** A tensor as a head of more outputs has it: parameters, what is shaped like them (optimizer slots), and `votes.*`. */
  grow(name: string, tensor: Tensor, outputs: number): Tensor
  /** What it reads → outputs [b, 1, k] (or [b, s, k]). `unit` is the network's. Never called with zero outputs. */
  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T
  /** What those outputs multiply embedding · head.weight by, before head.bias is added. */
  scale(unit: boolean): number
  /** What it counts of its targets, where it counts at all. */
  readonly statistics?: TaskStatistics<Target>
}

/**
 * What a task needs to know of the targets of a stream, such as their mean. Counted and never differentiated, but
 * otherwise parameters like any other: in every version and checkpoint. Names begin with `head.`.
 */
export interface TaskStatistics<Target = Json> {
  readonly parameters: readonly ParameterSpec[]
  /** With these targets counted, in order. Called once for each new example, before the step that learns it. */
  observe(
    before: Tensors,
    rows: readonly { readonly target: Target; readonly weight: number }[],
  ): Tensors
}

export interface Task<Target = Json, Output = Json> extends TaskHead<Target> {
  readonly view: TaskView<Output>

  // ── The head of a model, and how it grows. `union` and `grown` answer `head` itself when nothing is new. ──

  /** Of a new model. */
  readonly start: Head
  /** The head that can learn these. */
  grown(head: Head, targets: readonly Target[]): Head
  /** `head`, and behind it what only `other` has. */
  union(head: Head, other: Head): Head
  /** What the settings, and `also`, name beside `head`: as a head of its own. */
  declared(head: Head, also?: Head): Head
  /** What the targets name, as a head of its own; with `order`, what that has of it, in its order. */
  named(targets: readonly Target[], order?: Head): Head
  /** How many leading outputs mean the same in both: what logits kept with one say in the other. */
  shared(one: Head, other: Head): number
  /** Throws a coded error for a target that cannot be learned. `head` is `grown` with all that waits. */
  check(target: Target, head: Head): void

  // ── The manifest of a version ──

  facts(head: Head): TaskFacts
  /** Under the names of today. */
  headOf(facts: TaskFacts): Head

  // ── From an event to a target ──

  /**
   * `served` is the answer that the signal refers to, as text. Throws a coded error, also for a kind of signal that the
   * task does not take. A retraction has no target and does not come here.
   */
  target(signal: FeedbackSignal, served: string | undefined, head: Head): Target
  /** Refuses on arrival what no head can learn; what depends on the answer that was served passes. */
  admit(signal: FeedbackSignal): void
  /** It says what is right: it takes the place of what was said before about the same answer. */
  supersedes(signal: FeedbackSignal): boolean
  /** The stratum that it refers to, where that is known without the answer. */
  topic(signal: FeedbackSignal): string | undefined
  /** The stratum that a command names, in the task's own field; the core knows `source` and `sinceMs`. */
  selected(selection: object): string | undefined

  // ── Learning ──

  /** Adds share · ∂L/∂outputs to `gradient`, and answers share · L. In plain memory, for every engine. */
  loss(row: LossRow<Target>, head: Head, gradient: Float32Array, statistics: Tensors): number
  /**
   * The same for a pull towards a teacher's outputs, which may be fewer: share · D(teacher / temperature, outputs /
   * temperature).
   */
  distil(
    outputs: Float32Array,
    teacher: Float32Array,
    by: { readonly share: number; readonly temperature: number },
    gradient: Float32Array,
  ): number
  /** `outputs` may be of a head that had fewer, or none. */
  score(outputs: Float32Array, target: Target, head: Head): Score

  /** How wrong the answer was that was served: 0 = right; where answers are right or wrong, 1 = wrong; else the distance. */
  judge(served: string, target: Target): number

  /** The stratum that was served and the right one, where both are known: rows and columns of a confusion matrix. */
  confused?(served: string, target: Target): readonly [said: string, right: string] | undefined

  /** Where answers are texts: what its examples hold besides their inputs. */
  readonly texts?: TextTask<Target>

  // ── Answering ──

  /** Facts of a version under the names of today. */
  present(facts: TaskFacts): TaskFacts
  /** Under the names of today. */
  decode(outputs: Float32Array, facts: TaskFacts): Output

  // ── What others need to know of a target ──

  /** The stratum for balancing replay: examples of one stratum are interchangeable. */
  stratum(target: Target): string
  /** Strata with examples that are kept and not rehearsed. */
  readonly silent: readonly string[]
  /** What keeping it takes, in characters. */
  size(target: Target): number
  /** It says what is right, so that an answer can be tested against it. */
  isTest(target: Target): boolean
  /** For people. */
  shown(target: Target): Readonly<Record<string, Json>>

  /** Where each output is a class. Absent: closed forms, kNN memory and competition among columns mean nothing. */
  readonly classes?: Classes<Target>

  // ── Settings that are others than when the checkpoint was written ──

  /** Outputs that neither answer nor learn, as the settings have them. Kept in the checkpoint. */
  readonly retired: Json
  /** The same of a version. */
  retiredIn(facts: TaskFacts): Json
  /** Why the same weights answer otherwise than under `before`, which is an earlier `retired`; undefined when they do not. */
  revised(head: Head, before: Json): string | undefined
  /** What of the head the settings no longer allow. */
  foreign(
    head: Head,
  ): { readonly what: string; readonly saved: string; readonly present: string } | undefined
  /** Where outputs have other names now. */
  renaming(head: Head): Renaming<Target> | undefined

  /** `most`: rows of a report. */
  openQuality(most: number): TaskQuality<Target>
}

/**
 * A task in the table of plug-ins. By its head alone the files and graphs of versions are read; `open` gets the settings of
 * `task: { name: … }`, and the values of those keys of the model that are the task's own.
 */
export interface TaskPlugin
  extends TaskHead, Plugin<Task, [own: Readonly<Record<string, unknown>>]> {
  /** Keys of a model that it needs, and that no other task takes. */
  readonly keys: readonly string[]
}

/** Columns of the head as classes. */
export interface Classes<Target = Json> {
  /** The column that a target names (−1: the head has none), and whether it is right there or only not wrong elsewhere. */
  column(target: Target, head: Head): { readonly at: number; readonly isRight: boolean }
  /** Columns that may answer. */
  answering(head: Head): readonly number[]
  /** What an example votes for once it is kept to answer along with the head; undefined = it does not vote. */
  vote(target: Target): Json | undefined
  /** The column of a vote; undefined when the head has none that answers. */
  voted(vote: Json, head: Head): number | undefined
}

/** From names of outputs in a checkpoint to those of today. */
export interface Renaming<Target = Json> {
  readonly head: Head
  /** What is different, for people. */
  readonly reason: string
  target(target: Target): Target
  /** A stratum, or a vote. */
  name(name: Json): Json
  /** Names anywhere in the state of a policy, of scores, or of the task itself. */
  state(state: Json): Json
}

/** How good the answers are, as the task sees it. Bounded in what it keeps; its state is part of the checkpoint. */
export interface TaskQuality<Target = Json> {
  observe(score: Score, target: Target): void
  /** What a version needs of it to answer, beside its head: more facts of the task for its manifest. */
  facts?(): TaskFacts
  report(): Readonly<Record<string, Json>>
  snapshot(): Readonly<Record<string, Json>>
  restore(state: Readonly<Record<string, Json>>): void
}
