/**
 * Dead letters of one model until the next checkpoint. They are written before it, so that no saved position is ever
 * past an unwritten one (law 9).
 */
import { CodedError, type Clock, type Logger } from '../../contracts/core.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import type { ReceivedRecord } from '../../intake/join.ts'

export interface Reason {
  readonly code: string
  readonly message: string
}

export class DeadLetterBuffer {
  readonly #clock: Clock
  readonly #log: Logger
  #unwritten: DeadLetter[] = []
  #bytes = 0

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  get unwritten(): readonly DeadLetter[] {
    return this.#unwritten
  }

  /** The bytes of the messages that are not written yet. */
  get bytes(): number {
    return this.#bytes
  }

  add({ connector, record }: ReceivedRecord, { code, message }: Reason): void {
    const { partition, position, value, headers } = record
    this.#bytes += value.byteLength
    this.#unwritten.push({
      key: [connector, partition, position].map(encodeURIComponent).join('/'),
      code,
      reason: message,
      connector,
      partition,
      position,
      value,
      ...(headers && { headers }),
      timeMs: record.timeMs ?? this.#clock.nowMs(),
    })
  }

  /** Why nothing can be learned from it. An error without a code is a bug of ours, and must not stop the stream. */
  reasonOf(error: unknown): Reason {
    if (error instanceof CodedError) return error
    this.#log.error(
      { err: error },
      'a defect while taking in an event; it goes to the dead letters',
    )
    return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
  }

  written(): void {
    this.#unwritten = []
    this.#bytes = 0
  }
}
