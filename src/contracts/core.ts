/** Words that every contract shares: errors of the world, tensors, decisions, and what the core is handed instead of the machine's
 * clock, chance and log. */

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * An error of the world, never of ours. `code` is one of `runtime/errors.ts`; `retriable` says whether the same call
 * may succeed later; `details` says where. Our own mistakes are `invariant()` and crash.
 */
export class CodedError extends Error {
  readonly code: string
  readonly retriable: boolean
  readonly details: Readonly<Record<string, Json>>
  /** What to do about this very fault; absent = what the table of errors says of the code. */
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

/** What every policy, gate and trigger answers. The reason is logged, counted, kept in the manifest, shown by `why`. */
export interface Decision<Verdict extends string> {
  readonly verdict: Verdict
  readonly reason: string
}

/** Milliseconds since 1970, and waiting. The only way to time; a test hands in its own. */
export interface Clock {
  nowMs(): number
  /** Monotonic, for durations. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** One named stream of chance. Streams of other names are independent; state is part of the checkpoint. */
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

/** State that lives in a checkpoint. Both copy, never alias; restoring twice equals restoring once. */
export interface Stateful<State extends Json = Json> {
  snapshot(): State
  restore(state: State): void
}
