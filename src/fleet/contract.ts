/** Leases and checkpoint copies: the state that the daemons of a fleet share besides versions. */

/**
 * The right to write for one model: one holder at a time over all daemons. `epoch` rises with each holder, also over
 * the loss of everything that the lease's keeper knew, and every shared store refuses writes of an older one
 * (`LEASE_LOST`). The holder doubts itself first: `signal` aborts when the lease was not renewed in time by its own
 * monotonic clock.
 */
export interface Lease {
  readonly model: string
  readonly epoch: number
  readonly signal: AbortSignal
  /** Throws `LEASE_LOST` if holding the lease is in doubt. Called right before an action that must not happen twice. */
  check(): void
  /** Lets another daemon acquire it immediately. Idempotent; never rejects. */
  release(): Promise<void>
}

export interface LeaseView {
  readonly holder: string
  readonly epoch: number
  readonly expiresMs: number
}

export interface AcquireOptions {
  /** An epoch that was seen anywhere; the new one is higher. */
  readonly floor: number
  readonly signal: AbortSignal
  /** Whether a holder is known to be gone: of its lease only the configured duration is waited for. Absent = never. */
  readonly isGone?: (holder: string) => boolean
}

/** Which daemon trains which model. `acquire` waits until it succeeds, and rejects only when its signal aborts. */
export interface Leases {
  acquire(model: string, options: AcquireOptions): Promise<Lease>
  view(model: string): Promise<LeaseView | undefined>
  close(): Promise<void>
}

/** Identifies a copied checkpoint; a later one has a higher epoch, or the same epoch and a higher sequence. */
export interface CopyHead {
  readonly epoch: number
  readonly sequence: number
  readonly bytes: number
  readonly sha256: string
}

/**
 * Copies of a model's checkpoint that every daemon can read, so that another can continue from the last one. `put` is
 * all or nothing, and refused (`LEASE_LOST`) for an epoch older than the latest; `get` verifies every byte
 * (`STORE_CORRUPT`) and writes the complete file or nothing.
 */
export interface CheckpointCopies {
  head(model: string): Promise<CopyHead | undefined>
  put(lease: Lease, path: string, sequence: number): Promise<CopyHead>
  get(model: string, head: CopyHead, path: string): Promise<void>
}
