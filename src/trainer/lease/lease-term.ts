/**
 * A model of a fleet on this daemon: stand by, acquire its lease, start from the latest checkpoint wherever it is,
 * learn until the lease is lost or handed over, and stand by again. When the lease is lost, the state in memory is
 * dropped: the next holder reads the same events from the stream.
 */
import { CodedError, rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { CheckpointCopies, CopyHead, Lease, LeaseView, Leases } from '../../fleet/contract.ts'
import { openRandom } from '../../platform/random.ts'
import { CheckpointReplicator } from './replicator.ts'
import type { LocalCheckpoint } from '../../checkpoint/local-checkpoint.ts'
import type { Loop } from '../loop.ts'
import type { LeaseTerm } from '../parts.ts'
import { RetryPolicy, isAborted } from '../../platform/retry.ts'
import { isLater, noStamp, type Stamp } from '../../checkpoint/saved.ts'
import type { AllPositions } from '../../checkpoint/saved.ts'

/** The parts that a model needs to be trained by one daemon of many. */
export interface FleetPart {
  readonly leases: Leases
  readonly copies: CheckpointCopies
  readonly local: LocalCheckpoint
  /** The shortest time between two copies of the checkpoint. */
  readonly copyMs: number
  readonly onCopied?: (positions: AllPositions) => Promise<void>
  /** Resolves when another daemon should have the model, and gives it back; absent = never. Rejects when aborted. */
  readonly giveBack?: (lease: Lease, signal: AbortSignal) => Promise<void>
}

interface LeaseTermParts {
  readonly model: string
  readonly fleet: FleetPart
  readonly clock: Clock
  readonly log: Logger
  /** Creates everything again each time. */
  readonly open: (leaseTerm: LeaseTerm) => Promise<Loop>
  /** A loop starts, or there is none: another daemon trains the model. */
  readonly onLoop: (loop: Loop | undefined) => void
}

const viewEveryMs = 1_000
const tornPauseMs = 10_000

export class LeaseTerms {
  readonly #parts: LeaseTermParts
  readonly #retry: RetryPolicy
  #seenEpoch = 0
  #view: LeaseView | undefined
  #replicator: CheckpointReplicator | undefined

  constructor(parts: LeaseTermParts) {
    const { clock, log, model } = parts
    this.#parts = parts
    this.#retry = new RetryPolicy({ clock, log, jitter: openRandom(model, 'tenure') })
  }

  /** The lease as last seen. */
  get view(): LeaseView | undefined {
    return this.#view
  }

  /** Why the checkpoint could not be copied, while this daemon has the model. */
  get copyFault(): CodedError | undefined {
    return this.#replicator?.fault
  }

  /** Ends with the signal, or when a loop failed for good. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const watching = this.#watch(AbortSignal.any([signal, over.signal]))
    try {
      while (!signal.aborted && (await this.#once(signal)));
    } finally {
      over.abort()
      await watching
    }
  }

  /** One lease term; whether there may be another. */
  async #once(signal: AbortSignal): Promise<boolean> {
    const { model, fleet, onLoop, log } = this.#parts
    onLoop(undefined)
    const lease = await fleet.leases.acquire(model, { floor: this.#floor(), signal })
    this.#seenEpoch = lease.epoch
    log.info({ model, epoch: lease.epoch }, 'this daemon trains the model')
    try {
      return await this.#hold(lease, signal)
    } finally {
      this.#replicator = undefined
      if (!signal.aborted)
        log.info({ model, epoch: lease.epoch }, 'this daemon has stopped training the model')
      await lease.release()
    }
  }

  async #hold(lease: Lease, stop: AbortSignal): Promise<boolean> {
    const { fleet, open, onLoop, clock, log } = this.#parts
    const over = new AbortController()
    const signal = AbortSignal.any([stop, lease.signal, over.signal])
    const head = await this.#latest(lease, signal)
    if (head === 'none') return true
    const onLost = () => over.abort(new Error('another daemon has the lease'))
    const hasCopy = head !== undefined
    const retry = this.#retry
    const replicator = new CheckpointReplicator({
      ...{ lease, ...fleet, clock, log, retry, hasCopy },
      everyMs: fleet.copyMs,
      onLost,
    })
    this.#replicator = replicator
    const loop = await open(replicator)
    onLoop(loop)
    await this.#beside(loop, replicator, signal, over)
    if (!lease.signal.aborted) await replicator.last()
    return loop.status().state !== 'failed'
  }

  async #beside(
    loop: Loop,
    replicator: CheckpointReplicator,
    signal: AbortSignal,
    over: AbortController,
  ): Promise<void> {
    const ended = new AbortController()
    const copies = replicator.run(ended.signal)
    const asked = this.#parts.fleet.giveBack?.(replicator.lease, ended.signal).then(
      () => over.abort(new Error('the model is given back')),
      () => undefined,
    )
    try {
      await loop.run(signal)
    } finally {
      ended.abort()
      await Promise.all([copies, asked])
    }
  }

  /** Replaces the local checkpoint by a newer copy. Returns the copy found; `none`: not now. */
  async #latest(lease: Lease, signal: AbortSignal): Promise<CopyHead | 'none' | undefined> {
    const { model, fleet } = this.#parts
    const look = async () => {
      const head = await fleet.copies.head(model)
      const local = fleet.local.stamp()
      if (head !== undefined && isLater(head, local ?? noStamp)) await this.#fetch(head, local)
      return head
    }
    try {
      return await this.#retry.run('looking for a later checkpoint', look, signal)
    } catch (error) {
      if (lease.signal.aborted || isAborted(signal)) return 'none'
      if (!isTorn(error)) throw error
      // Starting without it would learn everything twice. Another daemon may have its own checkpoint.
      this.#parts.log.error({ model, err: error }, 'the only checkpoint is a copy that is torn')
      await lease.release()
      await rest(this.#parts.clock, tornPauseMs, signal)
      return 'none'
    }
  }

  /** Learning is deterministic: from the older local checkpoint it reaches the same state as from the torn copy. */
  async #fetch(head: CopyHead, local: Stamp | undefined): Promise<void> {
    const { model, fleet, log } = this.#parts
    const { epoch, sequence, bytes } = head
    try {
      await fleet.local.replace((path) => fleet.copies.get(model, head, path))
      log.info({ model, epoch, sequence, bytes }, 'going on from a copy of the checkpoint')
    } catch (error) {
      if (!isTorn(error) || local === undefined) throw error
      log.warn({ model, err: error }, 'the copy is torn; going on from the checkpoint here')
    }
  }

  #floor(): number {
    return Math.max(
      this.#seenEpoch,
      this.#view?.epoch ?? 0,
      this.#parts.fleet.local.stamp()?.epoch ?? 0,
    )
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { model, fleet, clock } = this.#parts
    while (!signal.aborted) {
      this.#view = await fleet.leases.view(model).catch(() => undefined)
      await rest(clock, viewEveryMs, signal)
    }
  }
}

function isTorn(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'STORE_CORRUPT'
}
