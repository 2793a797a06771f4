/**
 * A daemon's view of the fleet: the members, their versions, and which one trains which model. Read at each GET of
 * /v1/fleet; if the shared store is away, the answer covers only this daemon and says so.
 */
import type { LeaseView } from '../../../fleet/contract.ts'
import type { AskReceipts } from '../feedback/receipts.ts'
import type { AskTrainer } from '../trainer-pages.ts'
import type { ConfigSums } from './config-sums.ts'

export interface FleetMember {
  readonly replica: string
  readonly role: string
  /** Its URL, if it has published one. */
  readonly url?: string | undefined
  /** When it was last seen. */
  readonly seenMs: number
  /** By model. */
  readonly live: Readonly<Record<string, FleetLive>>
  /** By model; absent for a model whose daemon is too old to report it. */
  readonly configs?: Readonly<Record<string, ConfigSums>>
}

export interface FleetLive {
  readonly version: string
  readonly digest: string
  readonly generation: number
}

export interface Fleet {
  /**
   * All members seen recently, including or excluding this daemon. Rejects with a coded error while that cannot be
   * known.
   */
  members(): Promise<readonly FleetMember[]>
  /** Undefined if no daemon holds it. Rejects likewise. */
  lease(model: string): Promise<LeaseView | undefined>
  /** Absent if the others cannot be asked, as `askTrainer` is. */
  readonly askReceipts?: AskReceipts
  readonly askTrainer?: AskTrainer
}
