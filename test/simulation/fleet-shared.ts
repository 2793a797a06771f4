/**
 * What the daemons of a simulated fleet share: the topic, the keeper of leases, copies of checkpoints, the registry, the
 * dead letters. Each refuses writes of an older epoch than was granted, as Redis does; what was accepted is written down.
 */
import type { DeadLetter } from '../../src/contracts/connector.ts'
import type {
  CheckpointCopies,
  CopyHead,
  Lease,
  LeaseView,
  LeaseKeeper,
} from '../../src/fleet/contract.ts'
import type { Registry } from '../../src/versions/contract.ts'
import { failure } from '../../src/platform/errors.ts'
import { memoryRegistry } from '../trainer/memory-registry.ts'
import type { SimulatedTime } from './fleet-clock.ts'
import type { Daemon } from './fleet-daemon.ts'
import type { Dump } from './fleet-disk.ts'

export interface Grant {
  readonly holder: string
  readonly token: string
  readonly epoch: number
  readonly expiresMs: number
}

export class Shared {
  readonly registry = memoryRegistry()
  readonly letters = new Map<string, DeadLetter>()
  /** What daemons have on their disks besides the checkpoint. */
  readonly files = new Map<string, Dump>()
  /** Epochs of writes in the order in which they were let in. */
  readonly accepted: number[] = []
  /** Writes that came too late. */
  refused = 0
  /** Redis cannot be reached until then. */
  awayUntilMs = 0
  copy: { readonly head: CopyHead; readonly dump: Dump } | undefined
  grant: Grant | undefined
  epoch = 0
  readonly #time: SimulatedTime
  readonly #waiting = new Set<() => void>()

  constructor(time: SimulatedTime) {
    this.#time = time
  }

  readonly isAway = (): boolean => this.#time.nowMs < this.awayUntilMs

  keeperFor(daemon: Daemon): LeaseKeeper {
    const { isAway } = this
    return {
      grant: (claim, { floor }) =>
        daemon.does(
          'asking for the lease',
          () => {
            const held = this.#held()
            const isOther = held !== undefined && held.token !== claim.token
            if (isOther) return { kind: 'held', by: viewOf(held), forMs: this.#leftMs(held) }
            if (held === undefined) this.epoch = Math.max(this.epoch, floor) + 1
            this.grant = { ...claim, epoch: this.epoch, expiresMs: this.#endOf(claim.leaseMs) }
            return { kind: 'granted', epoch: this.epoch }
          },
          { isAway },
        ),
      renew: (claim, epoch) =>
        daemon.does(
          'renewing the lease',
          () => {
            if (this.epoch > epoch || this.#held()?.token !== claim.token) return false
            this.grant = { ...claim, epoch, expiresMs: this.#endOf(claim.leaseMs) }
            return true
          },
          { isAway },
        ),
      release: (claim) =>
        daemon.does(
          'releasing the lease',
          () => {
            if (this.grant?.token !== claim.token) return
            this.grant = undefined
            for (const wake of this.#waiting) wake()
          },
          { isAway },
        ),
      view: () => daemon.does('looking at the lease', () => this.view(), { isAway }),
      onRelease: (_model, wake) => {
        this.#waiting.add(wake)
        return () => this.#waiting.delete(wake)
      },
    }
  }

  view(): LeaseView | undefined {
    const held = this.#held()
    return held && viewOf(held)
  }

  copiesFor(daemon: Daemon, tears: () => boolean): CheckpointCopies {
    const { isAway, files } = this
    return {
      head: () => daemon.does('looking for a copy', () => this.copy?.head, { isAway }),
      put: (lease, path, sequence) =>
        daemon.does(
          'copying the checkpoint',
          () => {
            this.#admit(lease)
            const dump = files.get(path) ?? []
            files.delete(path)
            const head = { epoch: lease.epoch, sequence, bytes: dump.length, sha256: '' }
            this.copy = { head, dump }
            return head
          },
          { isAway },
        ),
      get: (_model, head, path) =>
        daemon.does(
          'fetching a copy',
          () => {
            const isSame = this.copy?.head.sequence === head.sequence
            if (this.copy === undefined || !isSame || tears())
              throw failure('STORE_CORRUPT', 'the copy is torn')
            files.set(path, this.copy.dump)
          },
          { isAway },
        ),
    }
  }

  registryFor(daemon: Daemon, lease: Lease): Registry {
    const { registry, isAway } = this
    const reads = <Result>(what: string, read: () => Promise<Result>) =>
      daemon.does(what, read, { isAway })
    const writes = <Result>(what: string, write: () => Promise<Result>) =>
      daemon.does(
        what,
        () => {
          this.#admit(lease)
          return write()
        },
        { isAway },
      )
    return {
      ...registry,
      live: () => reads('reading the pointer', () => registry.live()),
      history: (count) => reads('reading the history', () => registry.history(count)),
      find: (version) => reads('finding a version', () => registry.find(version)),
      list: (count) => reads('listing versions', () => registry.list(count)),
      load: (version) => reads('loading a version', () => registry.load(version)),
      publish: (version) => writes('publishing', () => registry.publish(version)),
      point: (move) => writes('moving the pointer', () => registry.point(move)),
      keep: (count, kept) => writes('keeping', () => registry.keep(count, kept)),
    }
  }

  #admit({ epoch }: Lease): void {
    if (epoch < this.epoch) {
      this.refused += 1
      throw failure('LEASE_LOST', `epoch ${epoch} is over, ${this.epoch} was granted`)
    }
    this.accepted.push(epoch)
  }

  #held(): Grant | undefined {
    return this.grant !== undefined && this.#leftMs(this.grant) > 0 ? this.grant : undefined
  }

  #leftMs({ expiresMs }: Grant): number {
    return expiresMs - this.#time.nowMs
  }

  #endOf(leaseMs: number): number {
    return this.#time.nowMs + leaseMs
  }
}

function viewOf({ holder, epoch, expiresMs }: Grant): LeaseView {
  return { holder, epoch, expiresMs }
}
