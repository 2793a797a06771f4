/**
 * The purpose of a model. The core passes targets, outputs and answers around without reading them: only the task knows
 * their meaning.
 *
 * A task is opened with its settings (`open(settings) → Task`), so no other part carries them. The parts that need no
 * settings, the tensors of its head and their place in the graph, are `TaskHead`.
 */
import type { Choices } from './choice.ts'
import type { Json, Plugin, Tensor, Tensors } from './core.ts'
import type { Head, Score, TaskFacts } from './example.ts'
import type { Input } from './event.ts'
import type { EncodedRow } from './network.ts'
import type { Ops, ParameterSpec } from './ops.ts'
import type { Payload } from './payload.ts'
import type { TaskView } from './task-view.ts'
import type { TextTask } from './text-task.ts'

/** One row of a step. */
export interface LossRow<Target> {
  readonly target: Target
  readonly outputs: Float32Array
  /** The weight of its target in the loss of the step. */
  readonly share: number
  /** How likely its target is wrong; absent = 0. A task may ignore it. */
  readonly doubt?: number | undefined
  /** The outputs that compete; absent = all. */
  readonly among?: readonly number[] | undefined
  /** How far the adapter has moved from the base; absent = it is not measured. */
  readonly drift?: number | undefined
  /** The mean length of the completions of the step, in tokens; absent = as long as this one. */
  readonly meanTokens?: number | undefined
}

/** The tensors of a head, and how they become outputs. The same for every model of the task. */
export interface TaskHead<Target = Json> {
  readonly kind: string
  /** Each output is a class, as `Task.classes` says. */
  readonly hasClasses?: true
  /** Of its classes any number may be right. */
  readonly areIndependent?: true
  /** Its targets are of several kinds that replay can balance, and that are no classes. */
  readonly hasStrata?: true
  /**
   * Which output of the network it reads: the pooled embedding [b, 1, width], or every position [b, s, width]. Then a row
   * has `outputs` numbers for each of its positions, one position after the other, and none for padding.
   * `answers`: it learns from the log-probability of each token of an answer; it has no head, and `logits` gets the
   * embedding.
   */
  readonly reads: 'pooled' | 'positions' | 'answers'
  /** The head of a version, as it was written. */
  headIn(facts: TaskFacts): Head
  /**
   * The number of outputs. With 0 the head answers nothing yet: it is neither computed nor served. Infinity: as many as
   * the row has.
   */
  outputs(head: Head): number
  /** `head.weight` [width, outputs] and `head.bias` [outputs]; they start at zero, and the trainer learns them faster. */
  parameters(width: number, outputs: number): readonly ParameterSpec[]
  /**
   * Extends a tensor for a head with more outputs: a parameter, a tensor of the same shape (optimizer slots), or one of
   * `votes.*`.
   */
  grow(name: string, tensor: Tensor, outputs: number): Tensor
  /** The network's output → outputs [b, 1, k] (or [b, s, k]). `unit` is the network's. Never called with zero outputs. */
  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T
  /** The factor on embedding · head.weight in those outputs, before head.bias is added. */
  scale(unit: boolean): number
  /**
   * A line of Python that prints the answer, for the README of an exported version: of the outputs `z` [b, k] ([s, k] and the names of
   * `tags` for a task that reads positions), the tensors
   * `head` and the dictionary `manifest`.
   */
  readonly python?: string
  /** The statistics of its targets, if it keeps any. */
  readonly statistics?: TaskStatistics<Target>
}

/**
 * Statistics of the targets of a stream, such as their mean. They are counted and never differentiated, but otherwise
 * are parameters like any other, in every version and checkpoint. Names begin with `head.`.
 */
export interface TaskStatistics<Target = Json> {
  readonly parameters: readonly ParameterSpec[]
  /** The statistics after these targets, in order. Called once for each new example, before the step that learns it. */
  observe(
    before: Tensors,
    rows: readonly { readonly target: Target; readonly weight: number }[],
  ): Tensors
  /** Converts the statistics of an earlier release to the present form; leaves other entries of `tensors` unchanged. */
  adopt?(tensors: Tensors): Tensors
}

export interface Task<Target = Json, Output = Json> extends TaskHead<Target> {
  readonly view: TaskView<Output>

  // ── The head of a model, and how it grows. `union` and `grown` answer `head` itself when nothing is new. ──

  /** The head of a new model. */
  readonly start: Head
  /** The head, extended so that it can learn these targets. */
  grown(head: Head, targets: readonly Target[]): Head
  /** `head`, followed by the outputs that only `other` has. */
  union(head: Head, other: Head): Head
  /** A head of the outputs that the settings or `also` name and that `head` lacks. */
  declared(head: Head, also?: Head): Head
  /** A head of the outputs that the targets name; with `order`, only those of `order`, in its order. */
  named(targets: readonly Target[], order?: Head): Head
  /** How many leading outputs mean the same in both heads, so that stored logits stay valid. */
  shared(one: Head, other: Head): number
  /** What in it looks like a mistake of the stream, as text for people; absent = nothing can. */
  warnings?(head: Head): readonly string[]
  /** Throws a coded error for a target that cannot be learned. `head` is already `grown` by all pending targets. */
  check(target: Target, head: Head): void

  // ── The manifest of a version ──

  facts(head: Head): TaskFacts
  /** Under the names of today. */
  headOf(facts: TaskFacts): Head

  // ── From an event to a target ──

  /**
   * `served` is the answer that the signal refers to, as text. Throws a coded error, also for a kind of signal that the
   * task does not take. A retraction has no target and does not come here. `wasCut`: the answer is a text without its end.
   */
  target(signal: Payload, served: string | undefined, head: Head, wasCut?: boolean): Target
  /**
   * Present if a target names places in its input: the same on the positions of its row, which has `offsets` where the base
   * knows them. Throws a coded error for a place that the row does not have.
   */
  placed?(target: Target, of: PlacedRow): Target
  /**
   * Refuses on arrival a signal that no head can learn. A signal that depends on the served answer passes. `input`: that
   * of its event, if it names one.
   */
  admit(signal: Payload, input?: Input): void
  /** The strata that it refers to, as far as they are known without the served answer. */
  topics(signal: Payload): readonly string[]
  /** The stratum that a command names, in the task's own field; the core knows `source` and `sinceMs`. */
  selected(selection: object): string | undefined

  // ── Learning ──

  /** Adds share · ∂L/∂outputs to `gradient`, and returns share · L. In plain memory, for every engine. */
  loss(row: LossRow<Target>, head: Head, gradient: Float32Array, statistics: Tensors): number
  /**
   * The same for distillation towards a teacher's outputs, which may be fewer: share · D(teacher / temperature, outputs
   * / temperature). `positions`: those of the row, for a task that reads them.
   */
  distil(
    outputs: Float32Array,
    teacher: Float32Array,
    by: {
      readonly share: number
      readonly temperature: number
      readonly positions?: number | undefined
    },
    gradient: Float32Array,
  ): number
  /** `outputs` may come from an earlier head with fewer outputs, or none. */
  score(outputs: Float32Array, target: Target, head: Head): Score

  /** The error of the served answer: 0 = right; 1 = wrong if answers are right or wrong, otherwise the distance. */
  judge(served: string, target: Target): number

  /** The stratum that was served and the right one, if both are known: rows and columns of a confusion matrix. */
  confused?(served: string, target: Target): readonly [said: string, right: string] | undefined

  /** Present if answers are texts. */
  readonly texts?: TextTask<Target>

  /** Present if an answer is an order of candidates, and feedback is about one of them. */
  readonly choices?: Choices

  // ── Answering ──

  /** Facts of a version under the present names. */
  present(facts: TaskFacts): TaskFacts
  /** It answers with places in a text: the row has `offsets`, where the base knows them. */
  readonly needsOffsets?: true
  /** Under the names of today. */
  decode(outputs: Float32Array, of: AnsweredRow): Output

  // ── What others need to know of a target ──

  /** At least one stratum, for balancing replay. Examples of the same strata are interchangeable. */
  strata(target: Target): readonly string[]
  /** An example of nothing but these strata is kept and not rehearsed. */
  readonly silent: readonly string[]
  /** Its size in a checkpoint, in characters. */
  size(target: Target): number
  /** Whether it says what is right, so that an answer can be tested against it. */
  isTest(target: Target): boolean
  /** For people. */
  shown(target: Target): Readonly<Record<string, Json>>

  /** Present if each output is a class. Closed forms, kNN memory and competition among outputs need it. */
  readonly classes?: Classes<Target>

  // ── Settings that are others than when the checkpoint was written ──

  /** The outputs that neither answer nor learn, by the settings. Kept in the checkpoint. */
  readonly retired: Json
  /** The same for a version. */
  retiredIn(facts: TaskFacts): Json
  /**
   * Why the same weights answer otherwise than under `before`, an earlier value of `retired`; undefined if they answer
   * the same.
   */
  revised(head: Head, before: Json): string | undefined
  /** The part of the head that the settings no longer allow. */
  foreign(
    head: Head,
  ): { readonly what: string; readonly saved: string; readonly present: string } | undefined
  /** Present if outputs have been renamed. */
  renaming(head: Head): Renaming<Target> | undefined

  /** `most`: rows of a report. */
  openQuality(most: number): TaskQuality<Target>
}

export interface PlacedRow {
  readonly input: Input
  readonly row: EncodedRow
}

/** What was answered, and by which version. */
export interface AnsweredRow {
  /** Those of the version. */
  readonly facts: TaskFacts
  /** As the base encoded it for this answer, with what it says beside its numbers. */
  readonly row: EncodedRow
  /** What it was asked about. Absent for a task without `needsOffsets`. */
  readonly input?: Input | undefined
}

/**
 * A task in the table of plug-ins. The files and graphs of versions need only its head. `open` gets the settings of
 * `task: { name: … }`, and the values of the model's keys that belong to the task.
 */
export interface TaskPlugin
  extends TaskHead, Plugin<Task, [own: Readonly<Record<string, unknown>>]> {
  /** The keys of a model that belong to this task alone. */
  readonly keys: readonly string[]
  /** Defaults of `train` for each model of it. They count before those of the base, except where that chose them with an adapter. */
  readonly train?: Readonly<Record<string, Json>>
  /** The exploration of each model of it, if its config names none; absent = its answers are no choice, and no policy explores. */
  readonly exploration?: string
  /** The setting for which the daemon itself writes events of the model, where it is set: these come through the source `http`. */
  writesEventsFor?(settings: Readonly<Record<string, unknown>>): string | undefined
}

/** A column of the head that a target names as right, or only as wrong. */
export interface NamedColumn {
  readonly at: number
  readonly isRight: boolean
}

/** What a target says of classes that are independent. */
export interface KnownColumns {
  readonly yes: readonly number[]
  /** `others`: no other one holds, also of those that the head does not have yet. Nothing is known of what is in neither. */
  readonly no: readonly number[] | 'others'
  /** Only this is known: that something in it is wrong. */
  readonly isWrong?: true
}

/** Columns of the head as classes. */
export interface Classes<Target = Json> {
  /**
   * The columns that a target names, each once, without those that the head lacks. Where there are several, parts that work with
   * one class to an example pass it over; sums divide it among those that are right.
   */
  columns(target: Target, head: Head): readonly NamedColumn[]
  /** Of independent classes; absent = an example has one class. */
  known?(target: Target, head: Head): KnownColumns
  /** The name of each column. */
  names(head: Head): readonly string[]
  /** The names of those that an answer says. */
  answered(output: Json): readonly string[]
  /** Columns that may answer. */
  answering(head: Head): readonly number[]
  /** The vote of a stored example in kNN memory; undefined = it does not vote. */
  vote(target: Target): Json | undefined
  /** The column of a vote; undefined if the head has none that answers. */
  voted(vote: Json, head: Head): number | undefined
}

/** The column of a target that names one alone. */
export function onlyColumn(
  { classes }: Pick<Task, 'classes'>,
  target: Json,
  head: Head,
): NamedColumn | undefined {
  const [only, another] = classes?.columns(target, head) ?? []
  return another === undefined ? only : undefined
}

/** Whether sums can take the example in and out again: what it says does not depend on the answers of the moment. */
export function isSummable({ classes }: Pick<Task, 'classes'>, target: Json, head: Head): boolean {
  if (classes?.known !== undefined) return classes.known(target, head).isWrong !== true
  return classes?.columns(target, head).some(({ isRight }) => isRight) === true
}

/** Whether a target is of silent strata alone. */
export function isSilent({ strata, silent }: SilentTask, target: Json): boolean {
  return silent.length > 0 && strata(target).every((stratum) => silent.includes(stratum))
}

export type SilentTask = Pick<Task, 'strata' | 'silent'>

/** Renames the outputs of a checkpoint to their present names. */
export interface Renaming<Target = Json> {
  readonly head: Head
  /** The difference, as text for people. */
  readonly reason: string
  target(target: Target): Target
  /** A stratum, or a vote. */
  name(name: Json): Json
  /** Renames outputs anywhere in the state of a policy, of scores, or of the task itself. */
  state(state: Json): Json
}

/** The quality of the answers, as the task measures it. Bounded; its state is part of the checkpoint. */
export interface TaskQuality<Target = Json> {
  /** `row`: that of its example. */
  observe(score: Score, target: Target, row?: EncodedRow): void
  /** A target that came while there was nothing to answer with: part of no score, and what a baseline knows from then on. */
  leaveOut?(target: Target, row?: EncodedRow): void
  /** Additional facts for the manifest of a version, which needs them to answer. */
  facts?(): TaskFacts
  /** Has `accuracy` and `accuracy_recent`, the mean of 1 − `Score.error` of all and of recent answers. */
  report(): Readonly<Record<string, Json>>
  snapshot(): Readonly<Record<string, Json>>
  restore(state: Readonly<Record<string, Json>>): void
}
