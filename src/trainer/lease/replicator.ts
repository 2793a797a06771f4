/**
 * Copies the checkpoint to where the next holder of the lease finds it: from time to time while the trainer learns, and
 * once more when it gives the model back. One copy at a time. Learning waits only for the first one: before it exists, no
 * version may be visible, because all of them could be lost with this machine.
 */
import { CodedError, rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { CheckpointCopies, Lease } from '../../fleet/contract.ts'
import type { LocalCheckpoint } from '../../checkpoint/local-checkpoint.ts'
import { Mutex } from '../../platform/store/lock.ts'
import type { LeaseTerm } from '../parts.ts'
import { isLeaseLost, type RetryPolicy } from '../../platform/retry.ts'
import type { AllPositions } from '../../checkpoint/saved.ts'

interface CheckpointReplicatorParts {
  readonly lease: Lease
  readonly copies: CheckpointCopies
  readonly local: LocalCheckpoint
  readonly clock: Clock
  readonly log: Logger
  readonly retry: RetryPolicy
  /** A copy of this model exists already. */
  readonly hasCopy: boolean
  readonly everyMs: number
  /** Reports how much a copy has learned, so that a stream keeps everything after it. */
  readonly onCopied?: ((positions: AllPositions) => Promise<void>) | undefined
  /** The store of the copies knows a later holder of the lease. */
  readonly onLost: () => void
}

export class CheckpointReplicator implements LeaseTerm {
  readonly #parts: CheckpointReplicatorParts
  #hasCopy: boolean
  /** Something was saved that no copy has. */
  #isBehind = false
  #isFailing = false
  #fault: CodedError | undefined
  /** The copy that is being made, and those that wait for it. */
  readonly #queue = new Mutex()

  constructor(parts: CheckpointReplicatorParts) {
    this.#parts = parts
    this.#hasCopy = parts.hasCopy
  }

  get lease(): Lease {
    return this.#parts.lease
  }

  /** Why the last copy failed; undefined when it did not. */
  get fault(): CodedError | undefined {
    return this.#fault
  }

  async saved(signal: AbortSignal): Promise<void> {
    this.#isBehind = true
    if (this.#hasCopy) return
    const { retry } = this.#parts
    await retry.run(
      'copying the first checkpoint',
      () => this.#queue.take(() => this.#copyNow()),
      signal,
    )
  }

  /** Each copy replaces the one before. */
  async isCopied(): Promise<boolean> {
    await this.#queue.take(() => Promise.resolve())
    await this.last()
    return !this.#isBehind
  }

  /** Until the signal ends it; a copy in progress is finished. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, everyMs } = this.#parts
    while (await rest(clock, everyMs, signal)) {
      // The first copy is made by the caller that waits for it.
      if (this.#hasCopy) await this.last()
    }
  }

  /** Copies the changes that no copy has. A failure costs nothing but the time that a successor needs to catch up. */
  async last(): Promise<void> {
    if (!this.#isBehind) return
    const { log, lease } = this.#parts
    const { model } = lease
    try {
      await this.#queue.take(() => this.#copyNow())
      if (this.#isFailing) log.info({ model }, 'checkpoints are copied again')
      this.#isFailing = false
    } catch (err) {
      if (!this.#isFailing) log.warn({ model, err }, 'could not copy the checkpoint; trying again')
      this.#isFailing = true
    }
  }

  async #copyNow(): Promise<void> {
    const { lease, copies, local, onLost } = this.#parts
    this.#isBehind = false
    try {
      await local.snapshot(async (path, { epoch, sequence }, positions = {}) => {
        // A checkpoint of an earlier lease term needs no copy.
        if (epoch !== lease.epoch) return
        await copies.put(lease, path, sequence)
        this.#hasCopy = true
        await this.#copied(positions)
      })
      this.#fault = undefined
    } catch (error) {
      this.#isBehind = true
      if (isLeaseLost(error)) onLost()
      if (error instanceof CodedError) this.#fault = error
      throw error
    }
  }

  /** If this report is lost, the stream only keeps more than is needed. */
  async #copied(positions: AllPositions): Promise<void> {
    const { onCopied, log, lease } = this.#parts
    try {
      await onCopied?.(positions)
    } catch (err) {
      log.debug({ model: lease.model, err }, 'could not say how far the copy has learned')
    }
  }
}
