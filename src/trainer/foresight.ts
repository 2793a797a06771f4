/**
 * A look ahead: records that wait for their turn are parsed and encoded already, and the trunk's thread computes their
 * latents while this one learns. It decides nothing and refuses nothing: what does not work out here is done again, and
 * answered for, when the record's turn comes.
 */
import type { Encoded, FeedbackEvent, Latent } from '../contracts.ts'
import { keyOf } from '../intake/dedupe.ts'
import { needsPrediction, type Received } from '../intake/join.ts'

export interface Foreseen {
  readonly event: FeedbackEvent
  readonly encoded: Encoded
  /** Undefined when it could not be computed. */
  readonly latent: Promise<Latent | undefined>
}

export interface ForesightParts {
  readonly parse: (received: Received) => FeedbackEvent
  readonly encode: (event: FeedbackEvent) => Encoded | undefined
  readonly isKnown: (key: string) => boolean
  readonly compute: (encoded: Encoded) => Promise<Latent>
}

/** Enough to keep the thread busy during an update; their latents are not bounded by the cache's limit. */
const WINDOW = 64

export class Foresight {
  readonly #parts: ForesightParts
  readonly #foreseen = new Map<Received['record'], Foreseen | undefined>()

  constructor(parts: ForesightParts) {
    this.#parts = parts
  }

  /** How many of the next records it wants to see; 0 while it has seen enough. */
  get wanted(): number {
    return this.#foreseen.size > WINDOW / 2 ? 0 : WINDOW
  }

  look(upcoming: readonly Received[]): void {
    for (const received of upcoming)
      if (!this.#foreseen.has(received.record))
        this.#foreseen.set(received.record, this.#foresee(received))
  }

  /** What is known of a record whose turn it is; forgotten here. */
  take(record: Received['record']): Foreseen | undefined {
    const foreseen = this.#foreseen.get(record)
    this.#foreseen.delete(record)
    return foreseen
  }

  #foresee(received: Received): Foreseen | undefined {
    try {
      const event = this.#parts.parse(received)
      if (event.lesson.kind === 'retract' || needsPrediction(event)) return undefined
      if (this.#parts.isKnown(keyOf(event))) return undefined
      const encoded = this.#parts.encode(event)
      if (encoded === undefined) return undefined
      const latent = this.#parts.compute(encoded).catch(() => undefined)
      return { event, encoded, latent }
    } catch {
      return undefined
    }
  }
}
