/**
 * Events that are not learned: each becomes a dead letter with its reason, and each record of the stream is counted.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import { keyOf } from '../../intake/events/event-key.ts'
import type { ReceivedRecord, WaitingEvent } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import { isOpen } from '../../checkpoint/event-log/states.ts'
import type { Reason } from './dead-letter-buffer.ts'
import type { AdmissionParts } from './parts.ts'

export class Refusals {
  readonly #parts: Pick<AdmissionParts, 'letters' | 'progress' | 'waiting' | 'refused' | 'log'>

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  reject(received: ReceivedRecord, error: unknown, key?: ExampleKey): void {
    const { letters, progress, waiting } = this.#parts
    if (key !== undefined && waiting.get(key)?.received === received) waiting.leave(key)
    const reason = letters.reasonOf(error)
    letters.add(received, reason)
    if (key !== undefined) this.#refused(key, reason)
    progress.count('rejected')
  }

  /** Refuses an event; an event that was accepted under this id before stays accepted. */
  #refused(key: ExampleKey, reason: Reason): void {
    const { log, refused } = this.#parts
    refused.push(key)
    const state = log.stateOf(key)
    if (state === undefined || isOpen(state)) log.reject(key, reason)
  }

  /** Their predictions will not come. */
  giveUp(events: readonly WaitingEvent[]): void {
    for (const { event, received } of events) {
      const id = event.predictionId ?? ''
      const error = failure('PREDICTION_UNKNOWN', `no prediction ${id} was seen`)
      this.reject(received, error, keyOf(event))
    }
  }

  /** It stops waiting. Each record of the stream is counted as something. */
  drop({ key, isCounted }: WaitingEvent): void {
    this.#parts.waiting.leave(key)
    if (isCounted !== true) this.#parts.progress.count('accepted')
  }
}
