/** A task as people see it: HTTP, metrics and sinks. */
import type { Json } from './core.ts'
import type { TaskFacts } from './example.ts'
import type { SignalKind } from './payload.ts'

/** Fields by name, as they go out in JSON. */
export type Fields = Readonly<Record<string, Json>>

/** A part of an object's JSON Schema. */
export interface SchemaPart {
  readonly properties: Readonly<Record<string, object>>
  readonly required?: readonly string[] | undefined
}

/** The task's part of each JSON object that people see. */
export interface TaskSchemas {
  readonly answer: SchemaPart
  /** Facts of a model and of a version. */
  readonly facts: SchemaPart
  /** The fields that name a stratum, to list or select examples. */
  readonly stratum: SchemaPart
  readonly quality: SchemaPart
  /** The part of the quality that a model's description shows. */
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

/** The measure by which people see at once how good a model is: of examples, each answered before it was learned. */
export interface Headline {
  /** Where that is not the score. */
  readonly measure?: ScoreName & {
    /** Absent = lower: an error or a loss. Higher: a share between 0 and 1. */
    readonly better?: 'higher'
    /** In the task's report, of recent examples and of all; undefined before there is one. */
    values(report: object): { readonly recent: number; readonly all: number } | undefined
  }
  /** What an answer without a model would have reached on recent examples, by the same measure. */
  readonly baseline?: { readonly name: string; recent(report: object): number | undefined }
  /** `86 %`, `3.84`. */
  readonly figure: (value: number) => string
  /** The figure with its name, in a sentence: `86 % right`, `loss 3.84`. */
  readonly phrase: (figure: string) => string
}

/** `name`: absent where it is the score. */
export interface HeadlineValue {
  readonly name?: string
  readonly value: number
}

/** A task as people see it: HTTP, metrics and sinks. The same for every model of the task; nothing here learns. */
export interface TaskView<Output = Json> {
  /** The kinds of feedback that it takes. */
  readonly signals: readonly SignalKind[]
  readonly schemas: TaskSchemas
  /** The usual name of the mean of 1 − `Score.error`, and its meaning. The JSON of every task calls it `accuracy`. */
  readonly score: ScoreName
  /** Absent: `score`, as it is. */
  readonly headline?: Headline
  /** An example for /docs. `facts` are those of the settings. */
  example(facts: TaskFacts): Fields
  /** An answer, also of a version that cannot answer yet. */
  answer(output: Output): Fields
  /** An answer as a chat message: its text, and the probability of each text if the task gives one. */
  message(answer: Fields): Message
  /** The parts of a served answer that are stored: its text ('' = none), and the fields for a sink. */
  served(output: Output): { readonly text: string; readonly shown: Fields }
  facts(facts: TaskFacts): Fields
  stratum(stratum: string): Fields
  brief(report: object): Fields
  /** Sets gauges. Those that `gauges` names are reset before each scrape, because their series may end. */
  measure(report: object, gauge: Gauge): void
  readonly gauges: readonly string[]
}
