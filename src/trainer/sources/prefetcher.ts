/**
 * A look ahead: records that wait for their turn are parsed and encoded already, and the trunk's threads compute their
 * latents while this one learns. It decides nothing and refuses nothing: what does not work out here is done again, and
 * answered for, when the record's turn comes.
 */
import type { Encoded, Latent } from '../../contracts/network.ts'
import type { FeedbackEvent } from '../../contracts/stream.ts'
import { needsPrediction, type Received } from '../../intake/join.ts'

export interface Prefetched {
  readonly event: FeedbackEvent
  readonly encoded: Encoded
  /** Undefined when it could not be computed. */
  readonly latent: Promise<Latent | undefined>
}

export interface PrefetcherParts {
  readonly parse: (received: Received) => FeedbackEvent
  readonly encode: (event: FeedbackEvent) => Encoded | undefined
  readonly isKnown: (event: FeedbackEvent) => boolean
  readonly compute: (encoded: Encoded) => Promise<Latent>
}

/** Enough to keep the threads busy during an update, and to find texts of equal length, which share a run. */
const WINDOW = 256

/** Their latents are not bounded by the cache's limit: 16 MiB where one has 512 numbers a position. */
const POSITIONS = 8192

export class Prefetcher {
  readonly #parts: PrefetcherParts
  readonly #foreseen = new Map<Received['record'], Prefetched | undefined>()
  #positions = 0

  constructor(parts: PrefetcherParts) {
    this.#parts = parts
  }

  /** How many of the next records it wants to see; 0 while it has seen enough. */
  get wanted(): number {
    const knowsEnough = this.#foreseen.size > WINDOW / 2 || this.#positions > POSITIONS / 2
    return knowsEnough ? 0 : WINDOW
  }

  look(upcoming: readonly Received[]): void {
    for (const received of upcoming) {
      if (this.#positions >= POSITIONS) return
      if (this.#foreseen.has(received.record)) continue
      const foreseen = this.#foresee(received)
      this.#foreseen.set(received.record, foreseen)
      this.#positions += positionsOf(foreseen)
    }
  }

  /** What is known of a record whose turn it is; forgotten here. */
  take(record: Received['record']): Prefetched | undefined {
    const foreseen = this.#foreseen.get(record)
    this.#foreseen.delete(record)
    this.#positions -= positionsOf(foreseen)
    return foreseen
  }

  #foresee(received: Received): Prefetched | undefined {
    try {
      const event = this.#parts.parse(received)
      if (event.lesson.kind === 'retract' || needsPrediction(event)) return undefined
      if (this.#parts.isKnown(event)) return undefined
      const encoded = this.#parts.encode(event)
      if (encoded === undefined) return undefined
      const latent = this.#parts.compute(encoded).catch(() => undefined)
      return { event, encoded, latent }
    } catch {
      return undefined
    }
  }
}

function positionsOf(foreseen: Prefetched | undefined): number {
  const encoded = foreseen?.encoded
  return encoded?.kind === 'tokens' ? encoded.ids.length : 0
}
