/**
 * The purpose of a model. The core passes targets, outputs and answers around without reading them: only the task knows
 * their meaning.
 *
 * A task is opened with its settings (`open(settings) → Task`), so no other part carries them. The parts that need no
 * settings, the tensors of its head and their place in the graph, are `TaskHead`.
 */
import type { EventIdentity, ExampleKey, Json, Plugin, Tensor, Tensors } from './core.ts'
import type { Encoded, LanguageModel, Ops, ParameterSpec } from './network.ts'
import type { FeedbackSignal, Input } from './stream.ts'

/** What the outputs of a head mean; only its task reads it. A list of classes, or nothing where no output has a name. */
export type Head = Json

/** The task's part of a manifest, field by field as it is on disk. */
export type TaskFacts = Readonly<Record<string, Json>>

/** What one example should answer; only its task reads it. Checkpoints keep it as JSON. */
export type Target = Json

/** How an example was answered before it was learned. */
export interface Score {
  /** 0 = right, 1 = wrong; in between where a task knows degrees. */
  readonly error: number
  readonly loss: number
  readonly answer: Json
  /** Between 0 and 1, as the weights have it; absent where the task promises nothing. */
  readonly confidence?: number
  /** The outputs that it was answered from, and the place of the right one among them; only its task reads it. */
  readonly evidence?: Evidence
}

export interface Evidence {
  readonly outputs: Float32Array
  /** −1: none of them. */
  readonly right: number
}

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

/** Fields by name, as they go out in JSON. */
export type Fields = Readonly<Record<string, Json>>

/** A part of an object's JSON Schema. */
export interface SchemaPart {
  readonly properties: Readonly<Record<string, object>>
  readonly required?: readonly string[] | undefined
}

/** What of each JSON object that people see is the business of a task. */
export interface TaskSchemas {
  readonly answer: SchemaPart
  /** Keys of an event that not every task reads. */
  readonly event: SchemaPart
  /** Facts of a model and of a version. */
  readonly facts: SchemaPart
  /** What names a stratum, where examples are listed or chosen. */
  readonly stratum: SchemaPart
  readonly quality: SchemaPart
  /** What of the quality a model's description shows. */
  readonly brief: SchemaPart
}

/** Sets a gauge of the table of metrics, for one model. */
export type Gauge = (name: string, by: Readonly<Record<string, string>>, value: number) => void

export interface Message {
  readonly text: string
  /** Probabilities by text. */
  readonly likelihoods?: Readonly<Record<string, number>>
}

export interface ScoreName {
  readonly name: string
  readonly meaning: string
}

/** A task as people see it: HTTP, metrics and sinks. The same for every model of the task; nothing here learns. */
export interface TaskView<Output = Json> {
  /** What an event may say. */
  readonly signals: readonly Exclude<FeedbackSignal['kind'], 'retract'>[]
  readonly schemas: TaskSchemas
  /** What people call the mean of 1 − `Score.error`, and what it is. The JSON of every task calls it `accuracy`. */
  readonly score: ScoreName
  /** What /docs teaches with. `facts` are those of the settings. */
  example(facts: TaskFacts): Fields
  /** An answer, also one that says nothing yet. */
  answer(output: Output): Fields
  /** An answer as a message of a chat: its text, and how likely each text is, where the task says. */
  message(answer: Fields): Message
  /** What is kept of a served answer: its text ('' = nothing), and what a sink writes of it. */
  served(output: Output): { readonly text: string; readonly shown: Fields }
  facts(facts: TaskFacts): Fields
  stratum(stratum: string): Fields
  brief(report: object): Fields
  /** Sets what `gauges` names, and others; those named are reset before each scrape, because their series may end. */
  measure(report: object, gauge: Gauge): void
  readonly gauges: readonly string[]
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

/** What a task with `reads: 'answers'` learns from. */
export interface TextTask<Target = Json> {
  /**
   * The input and each answer to learn from, as sequences. Throws a coded error where they do not fit into `maxTokens`; what
   * is cut of an answer, or by the settings of the input, is reported in `dropped`.
   */
  encode(input: Input, target: Target, to: TextLimits): Encoded
  /** Its loss depends on how far the adapter has moved from the base, measured on the answers of other rows of the step. */
  isMeasured(target: Target): boolean
  /** The prompt of one row of a single sequence with the answer of another, up to `maxTokens`. */
  exchanged(prompt: Encoded, answer: Encoded, maxTokens: number): Encoded
  /** How far it has moved, from the outputs of such rows. */
  drift(outputs: readonly Float32Array[]): number
  /** How a request is answered that does not say. */
  readonly usual: TextSettings
}

export interface TextLimits {
  readonly language: LanguageModel
  readonly maxTokens: number
}

/** How a text is answered, token by token. */
export interface TextSettings {
  readonly maxTokens: number
  /** 0 = always the likeliest token. */
  readonly temperature: number
  readonly topP: number
  readonly overflow: ContextOverflow
}

/** A prompt that leaves no room for an answer is refused, or loses its oldest turns. */
export type ContextOverflow = 'refuse' | 'truncate'

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

/** One example as learner and replay hold it. Its latent is a cache, recomputed from `encoded` when missing. */
export interface Example extends EventIdentity {
  readonly key: ExampleKey
  readonly encoded: Encoded
  readonly target: Target
  readonly weight: number
  readonly predictionId?: string
  /** The time of its event, or the time when the transport took it. */
  readonly timeMs?: number
  /** Of its event; absent = it belongs to none. */
  readonly slice?: string
}

/** An example with the data stored beside it. */
export interface Remembered extends Example {
  /** For the outputs that the head had then, which are still its first ones. */
  readonly logits?: Float32Array
}
