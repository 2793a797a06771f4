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

/**
 * The store of leases, with three atomic operations. Redis is one; a simulation has one in memory.
 *
 * An operation may fail, or time out and take effect anyway: each carries the token of one `acquire`, which makes a
 * repetition harmless. Rules for every keeper:
 *
 * grant when free and nothing was forgotten (its epoch ≥ floor), or the caller was patient: epoch = max(its own, floor)
 * + 1; free is also what a holder of this name held, if the caller is its successor
 * renew when this token holds it, or no other holder of an equal or later epoch does; restores what the keeper forgot
 *   release when this token holds it
 */
export interface LeaseClaim {
  readonly model: string
  readonly holder: string
  /** Identifies one acquisition; unique over the fleet, without spaces. */
  readonly token: string
  readonly leaseMs: number
}

export interface LeaseAsker {
  readonly floor: number
  readonly patient: boolean
  /** Its process has just begun: whatever has the lease under its name is gone. */
  readonly succeeds: boolean
  /** The epoch of a holder that is gone, whose lease is over; 0 = none. */
  readonly gone: number
}

export type Granting =
  | { readonly kind: 'granted'; readonly epoch: number }
  | { readonly kind: 'held'; readonly by: LeaseView; readonly forMs: number }
  /** It has a lower epoch than the caller: it lost data, possibly including a live holder. */
  | { readonly kind: 'forgot' }

export interface LeaseKeeper {
  grant(claim: LeaseClaim, asker: LeaseAsker): Promise<Granting>
  /** False when another has it. */
  renew(claim: LeaseClaim, epoch: number): Promise<boolean>
  release(claim: LeaseClaim, epoch: number): Promise<void>
  view(model: string): Promise<LeaseView | undefined>
  /**
   * May call back when the model has become free, which is only a hint to retry sooner. Returns a function that
   * unsubscribes.
   */
  onRelease(model: string, wake: () => void): () => void
}
