/**
 * Shared by all contracts: errors, tensors, decisions, and the clock, random streams and log that are handed to the
 * core instead of the machine's.
 */

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * An error that the world causes, never our own bug. `code` is a row of `platform/errors.ts`; `retriable` says whether
 * the same call may succeed later; `details` says where. Our own mistakes are `invariant()` and crash.
 */
export class CodedError extends Error {
  readonly code: string
  readonly retriable: boolean
  readonly details: Readonly<Record<string, Json>>
  /** What to do about this particular error; absent = the fix from the table of errors. */
  readonly fix: string | undefined

  constructor(
    code: string,
    message: string,
    options: {
      readonly retriable?: boolean
      readonly details?: Readonly<Record<string, Json>>
      readonly cause?: unknown
      readonly fix?: string | undefined
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CodedError'
    this.code = code
    this.retriable = options.retriable ?? false
    this.details = options.details ?? {}
    this.fix = options.fix
  }
}

/** Plain memory, row-major. `data.length` is the product of `shape`; a scalar has shape []. Never aliased across a seam. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Named tensors. Iterate in sorted name order wherever bytes or digests depend on the order. */
export type Tensors = ReadonlyMap<string, Tensor>

/** The identity of an event, for ever: its sender, and its id there. */
export interface EventIdentity {
  readonly source: string
  readonly id: string
}

/** An event's identity as one opaque text, equal for the same event. The daemon makes it; others use it as the key of a map. */
export type ExampleKey = string & { readonly [exampleKey]: true }
declare const exampleKey: unique symbol

/**
 * The answer of every policy, gate and trigger. The reason is logged, counted, kept in the manifest, and shown by
 * `why`.
 */
export interface Decision<Verdict extends string> {
  readonly verdict: Verdict
  readonly reason: string
  /** The policy's rule, and nothing that a person has to know of this case: a version's reason leaves it out. */
  readonly isUsual?: true
}

/** Milliseconds since 1970, and waiting. Code measures time only through this; tests pass their own. */
export interface Clock {
  nowMs(): number
  /** Monotonic, for durations. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason if the signal aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** Waits `delayMs`, or less if the signal aborts. Whether there is a reason to go on: false once it is aborted. */
export async function rest(
  clock: Pick<Clock, 'sleep'>,
  delayMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await clock.sleep(delayMs, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return !signal.aborted
}

/** Waits until `work` has settled, well or badly, at most `limitMs`. Whether it has. */
export async function settles(
  work: Promise<unknown>,
  limitMs: number,
  clock: Pick<Clock, 'sleep'>,
): Promise<boolean> {
  const done = new AbortController()
  const settled = work.then(
    () => true,
    () => true,
  )
  const late = rest(clock, limitMs, done.signal).then(() => false)
  const isSettled = await Promise.race([settled, late])
  done.abort()
  return isSettled
}

/** Like `work`, or rejects with the signal's reason if that comes first. */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  // The caller may no longer be waiting for the outcome.
  work.catch(() => undefined)
  signal.throwIfAborted()
  const done = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { signal: done.signal })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    done.abort()
  }
}

/** One named random stream. Streams with different names are independent; the state is part of the checkpoint. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Uniform integer in [0, bound). */
  below(bound: number): number
  /** Standard normal. */
  normal(): number
  snapshot(): string
  restore(state: string): void
}

export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  child(bindings: object): Logger
}

/** State that lives in a checkpoint. Both methods copy and never alias; restoring twice equals restoring once. */
export interface Stateful<State extends Json = Json> {
  snapshot(): State
  restore(state: State): void
}

/**
 * One setting of a plug-in as data: the config's schema, its checks, its type and its documentation are made from it.
 * A setting without a default may be left out, unless it is `required`.
 */
export type Setting = {
  readonly description?: string
  readonly required?: true
} & (
  | {
      readonly type: 'integer' | 'number'
      readonly minimum?: number
      readonly maximum?: number
      readonly exclusiveMinimum?: number
      readonly exclusiveMaximum?: number
      readonly default?: number
    }
  | { readonly type: 'boolean'; readonly default?: boolean }
  | {
      readonly type: 'text'
      readonly minLength?: number
      readonly maxLength?: number
      readonly pattern?: string
      readonly default?: string
    }
  /** A relative path is resolved against the folder of the config file. */
  | { readonly type: 'path'; readonly default?: string }
  | { readonly type: 'choice'; readonly options: readonly string[]; readonly default?: string }
  /** Written `1s` or `500ms`; 0 = off. `minimum` and `maximum` are milliseconds, and `open` gets milliseconds. */
  | {
      readonly type: 'duration'
      readonly minimum: number
      readonly maximum: number
      readonly default: string
    }
  | {
      readonly type: 'list'
      readonly of: Setting
      readonly minItems?: number
      readonly maxItems?: number
      readonly uniqueItems?: boolean
      readonly default?: readonly Json[]
    }
  /** Names of the user's own, each with a value. */
  | { readonly type: 'map'; readonly names?: string; readonly of: Setting }
  /** Another base, written as under `base:`; one that has bases itself cannot be chosen. */
  | { readonly type: 'base' }
  | { readonly type: 'group'; readonly settings: Settings }
  | { readonly type: 'constant'; readonly value: string | number | boolean }
  | { readonly type: 'either'; readonly of: readonly Setting[]; readonly default?: Json }
)

/** `minilm`, or `{ bert: ./folder }`. */
export type BaseValue = string | Readonly<Record<string, unknown>>

export type Settings = Readonly<Record<string, Setting>>

/** The type of one setting's value, as `open` gets it. */
export type ValueOf<Of> = Of extends { readonly type: 'integer' | 'number' | 'duration' }
  ? number
  : Of extends { readonly type: 'text' | 'path' }
    ? string
    : Of extends { readonly type: 'boolean' }
      ? boolean
      : Of extends { readonly options: readonly (infer Option)[] }
        ? Option
        : Of extends { readonly value: infer Value }
          ? Value
          : Of extends { readonly type: 'base' }
            ? BaseValue
            : Of extends { readonly settings: infer Group }
              ? SettingsOf<Group>
              : Of extends { readonly type: 'list'; readonly of: infer Item }
                ? readonly ValueOf<Item>[]
                : Of extends { readonly type: 'map'; readonly of: infer Item }
                  ? Readonly<Record<string, ValueOf<Item>>>
                  : Of extends { readonly type: 'either'; readonly of: readonly (infer Branch)[] }
                    ? Branch extends unknown
                      ? ValueOf<Branch>
                      : never
                    : never

type SettingRule = { readonly default: unknown } | { readonly required: true }

/** The type of all settings of a plug-in, made from its table. */
export type SettingsOf<Table> = {
  readonly [Name in keyof Table as Table[Name] extends SettingRule ? Name : never]: ValueOf<
    Table[Name]
  >
} & {
  readonly [Name in keyof Table as Table[Name] extends SettingRule ? never : Name]?:
    ValueOf<Table[Name]> | undefined
}

/**
 * The one shape of a plug-in. `open` gets the settings of its table, checked and with their defaults, and what else
 * this kind of plug-in needs. A plug-in names the type of its own settings: `open(settings: SettingsOf<typeof table>)`.
 */
export interface Plugin<Opened, Needs extends readonly unknown[] = []> {
  readonly summary: string
  readonly settings: Settings
  open(settings: Readonly<Record<string, unknown>>, ...needs: Needs): Opened
}
