/**
 * What a model is asked about and what feedback says: inputs and signals, each of a kind that is a plug-in. The core stores
 * them, sends them and compares them as JSON, and never asks for their kind: only the base or the task that takes
 * a value reads its fields.
 */
import type { Json } from './core.ts'

/** A value of a kind, with its fields: `{ kind: 'text', text: 'hello' }`. */
export type Payload = Readonly<{ kind: string; [field: string]: Json }>

/** `limits` of the config. */
export type PayloadLimits = Readonly<Record<string, number>>

interface PayloadKind {
  /** The `kind` of its values, and their key in a message. */
  readonly name: string
  readonly summary: string
  /** How the command line takes its values, by key; absent = only in a file of events. */
  readonly flags?: Readonly<Record<string, PayloadFlag>>
}

export interface PayloadFlag {
  readonly description: string
  /**
   * `number`: a number. `json`: JSON. `text`: the text as it stands, in a CSV too. `file`: the path of a file, there too; its
   * bytes in base64 are the value. `textfile`: the same of a text in UTF-8, which is the value.
   */
  readonly as: 'text' | 'number' | 'json' | 'file' | 'textfile'
  /** Reads a text that is no JSON; throws if it cannot. */
  readonly other?: (text: string) => Json
}

/** Something that a model is asked about: `{ "input": { <name>: … } }`. Its values have one field, of its name, and those `beside` it. */
export interface InputKind<Value extends Payload = Payload> extends PayloadKind {
  /** Further keys that an input has together with its name; absent = none. */
  readonly beside?: readonly string[]
  /**
   * Reads what stands below its key, or with `beside` the object of all its keys; throws a coded error, with the place, for
   * what it does not take. Read again, what it returns is the same.
   */
  read(value: Json, limits: PayloadLimits, pointer: string): Value
  /** JSON Schema of what `read` takes. */
  schema(limits: PayloadLimits): object
  /**
   * The most bytes that a value has as JSON, if a usual event has no room for it: then an event with one, and a body for a
   * model that reads it, may be so much longer than `limits` says. Absent: it needs no more room.
   */
  bytes?(limits: PayloadLimits): number
  /** As `read` takes it. */
  readonly example: Json
  /** Its values are files of these media types, as base64 or as a data URL. */
  readonly files?: readonly string[]
  /** Its values are texts of many pages. */
  readonly isLong?: true
  /** Its values have these fields, each with a box and a column of its own. */
  readonly fields?: Readonly<Record<string, FieldFacts>>
  /** Of a table: its value stands in a column of its name, or is the object of all columns that mean nothing else. */
  readonly columns?: 'own' | 'others'
}

/** One field of an input that has several. */
export interface FieldFacts {
  /** `number`, `category`, `boolean`, or the name of an input kind: its values stand below that name, and a text also alone. */
  readonly kind: string
  readonly required?: true
  /** As of an input kind. */
  readonly files?: readonly string[]
}

/** Something that feedback says. Two values with the same fields, in the order of `read`, are the same lesson. */
export interface SignalKind<Value extends Payload = Payload> extends PayloadKind {
  /** The keys of an event that say it: all of them together, or with `anyWord` one or more of them. */
  readonly words: readonly string[]
  /** Keys that may stand beside them; `read` of several words sees them. */
  readonly also?: readonly string[]
  readonly anyWord?: true
  /** The key `correction` says it too. */
  readonly isCorrection?: true
  /** Whether it says what is right, and replaces earlier feedback on the same answer; or judges the answer that was served. */
  readonly about: 'input' | 'answer'
  /** Whether the served answer is needed to learn from it. Absent: if it is about the answer. */
  judges?(signal: Value): boolean
  /**
   * Reads what stands below `word`, which is one of its words or `correction`; of several words, the whole event. Throws as
   * that of an input.
   */
  read(value: Json, limits: PayloadLimits, pointer: string, word: string): Value
  /** JSON Schema of what stands below each word. */
  schema(limits: PayloadLimits): Readonly<Record<string, object>>
}

/** Whether a value is of this kind, and so has its fields. */
export function isOf<Value extends Payload>(
  value: Payload,
  kind: InputKind<Value> | SignalKind<Value>,
): value is Value {
  return value.kind === kind.name
}
