/**
 * What a daemon knows of the others: who is there with which versions, and who trains what. Asked at each GET of
 * /v1/fleet; it may fail (the store that they share is away), and then the answer is about this daemon alone and says so.
 */
import type { LeaseView } from '../../fleet/contract.ts'

export interface FleetMember {
  readonly replica: string
  readonly role: string
  /** Where it answers, if it has said so. */
  readonly url?: string | undefined
  /** When it was last heard of. */
  readonly seenMs: number
  /** By model. */
  readonly live: Readonly<Record<string, FleetLive>>
}

export interface FleetLive {
  readonly version: string
  readonly digest: string
  readonly generation: number
}

export interface Fleet {
  /** All that were heard of lately, this daemon or not. Rejects with a coded error while that cannot be known. */
  members(): Promise<readonly FleetMember[]>
  /** Undefined when nobody holds it. Rejects likewise. */
  lease(model: string): Promise<LeaseView | undefined>
}
