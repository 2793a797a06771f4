/** A task as people see it: HTTP, metrics and sinks. */
import type { Json } from './core.ts'
import type { FeedbackSignal } from './event.ts'
import type { TaskFacts } from './example.ts'

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
