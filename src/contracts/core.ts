/**
 * What every contract shares: errors, tensors, decisions, and the clock, random streams and log that the core is given
 * instead of the machine's.
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

/** Which event it is, for ever: who sent it, and its id there. */
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
}

/** Milliseconds since 1970, and waiting. Code measures time only through this; tests pass their own. */
export interface Clock {
  nowMs(): number
  /** Monotonic, for durations. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason if the signal aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
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
