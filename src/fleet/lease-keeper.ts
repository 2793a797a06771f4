/**
 * Who keeps the leases: three questions that it answers atomically. Redis is one; a simulation has one in memory.
 *
 * A question may fail, or time out and take effect all the same: each carries the token of one `acquire`, by which asking
 * again is harmless. Rules that every keeper follows:
 *
 *   grant   when free and nothing was forgotten (its epoch ≥ floor), or the asker was patient: epoch = max(its own, floor) + 1
 *   renew   when this token holds it, or nobody of an equal or later epoch does; brings back what the keeper forgot
 *   release when this token holds it
 */
import type { LeaseView } from './contract.ts'

export interface LeaseClaim {
  readonly model: string
  readonly holder: string
  /** Of one acquisition, unique over the fleet and without spaces. */
  readonly token: string
  readonly leaseMs: number
}

export type Granting =
  | { readonly kind: 'granted'; readonly epoch: number }
  | { readonly kind: 'held'; readonly by: LeaseView; readonly forMs: number }
  /** It knows a lower epoch than the asker: it lost its memory, and perhaps of a holder who is alive. */
  | { readonly kind: 'forgot' }

export interface LeaseKeeper {
  grant(
    claim: LeaseClaim,
    asker: { readonly floor: number; readonly patient: boolean },
  ): Promise<Granting>
  /** False when another has it. */
  renew(claim: LeaseClaim, epoch: number): Promise<boolean>
  release(claim: LeaseClaim, epoch: number): Promise<void>
  view(model: string): Promise<LeaseView | undefined>
  /** Perhaps calls back when the model may have become free; only a reason to ask sooner. Returns how to stop. */
  onRelease(model: string, wake: () => void): () => void
}
