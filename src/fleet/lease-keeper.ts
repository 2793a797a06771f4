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
import type { LeaseView } from './contract.ts'

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
