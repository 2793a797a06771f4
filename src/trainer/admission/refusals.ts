/**
 * Events that are not learned: each becomes a dead letter with its reason, and each record of the stream is counted.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import { keyOf } from '../../intake/events/event-key.ts'
import type { Received, WaitingEvent } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import type { AdmissionParts } from './parts.ts'

export class Refusals {
  readonly #parts: Pick<AdmissionParts, 'letters' | 'progress' | 'waiting' | 'refused'>

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  reject(received: Received, error: unknown, key?: ExampleKey): void {
    const { letters, progress, waiting } = this.#parts
    if (key !== undefined && waiting.get(key)?.received === received) waiting.leave(key)
    letters.add(received, letters.reasonOf(error))
    if (key !== undefined) this.#parts.refused.push(key)
    progress.count('rejected')
  }

  /** Their predictions will not come. */
  giveUp(events: readonly WaitingEvent[]): void {
    for (const { event, received } of events) {
      const id = event.predictionId ?? ''
      const error = failure('PREDICTION_UNKNOWN', `no prediction ${id} was seen`)
      this.reject(received, error, keyOf(event))
    }
  }

  /** It no longer waits. Each record of the stream is counted as something. */
  drop({ key, isCounted }: WaitingEvent): void {
    this.#parts.waiting.leave(key)
    if (isCounted !== true) this.#parts.progress.count('accepted')
  }
}
