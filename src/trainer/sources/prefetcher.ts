/**
 * Parses and encodes buffered records ahead of their turn, so that other threads prepare their inputs and compute their latents while
 * this one learns. The results are stored with the records in the buffer. It decides and refuses nothing: a failure here
 * is repeated, and reported, at the record's turn.
 */
import { hasIds } from '../../payloads/rows.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import { isRetraction, type FeedbackEvent } from '../../contracts/event.ts'
import type { ReceivedRecord } from '../../intake/join.ts'

export interface PrefetchedEvent {
  readonly event: FeedbackEvent
  /** Absent while its input is prepared. */
  readonly encoded?: EncodedRow
  /** Undefined when it could not be computed. */
  readonly latent: Promise<Latent | undefined>
}

/** A record that waits for its turn. */
export interface BufferedRecord extends ReceivedRecord {
  /** The result of the prefetcher; null = it looked and there is nothing; absent = not looked at yet. */
  prefetched?: PrefetchedEvent | null | undefined
}

export interface PrefetcherParts {
  readonly parse: (received: ReceivedRecord) => FeedbackEvent | undefined
  /** What `encode` waits for; undefined = nothing. */
  readonly prepare?: (event: FeedbackEvent) => Promise<void> | undefined
  readonly encode: (event: FeedbackEvent) => EncodedRow | undefined
  readonly needsPrediction: (event: FeedbackEvent) => boolean
  readonly isKnown: (event: FeedbackEvent) => boolean
  readonly compute: (encoded: EncodedRow) => Promise<Latent>
}

/** Enough to keep the threads busy during an update, and to find texts of equal length, which share a run. */
const WINDOW = 256

/** Their latents are not bounded by the cache's limit: 16 MiB where one has 512 numbers a position. */
const POSITIONS = 8192

/** What an input counts for that is prepared first, such as a picture: nothing is known of its row yet. */
const PREPARED_POSITIONS = 64

export class Prefetcher {
  readonly #parts: PrefetcherParts
  /** Records that it looked at and that wait for their turn, and the positions of their latents. */
  #records = 0
  #positions = 0

  constructor(parts: PrefetcherParts) {
    this.#parts = parts
  }

  /** How many of the next records it wants to see; 0 while it has seen enough. */
  get wanted(): number {
    const knowsEnough = this.#records > WINDOW / 2 || this.#positions > POSITIONS / 2
    return knowsEnough ? 0 : WINDOW
  }

  look(upcoming: readonly BufferedRecord[]): void {
    for (const buffered of upcoming) {
      if (this.#positions >= POSITIONS) return
      if (buffered.prefetched !== undefined) continue
      buffered.prefetched = this.#prefetch(buffered)
      this.#records += 1
      this.#positions += positionsOf(buffered.prefetched)
    }
  }

  /**
   * The precomputed results of a record that is consumed now. They are removed from the record, which may wait for
   * long.
   */
  take(buffered: BufferedRecord): PrefetchedEvent | undefined {
    const { prefetched } = buffered
    if (prefetched === undefined) return undefined
    buffered.prefetched = undefined
    this.#records -= 1
    this.#positions -= positionsOf(prefetched)
    return prefetched ?? undefined
  }

  #prefetch(received: ReceivedRecord): PrefetchedEvent | null {
    try {
      const event = this.#parts.parse(received)
      if (event === undefined) return null
      if (isRetraction(event.signal) || this.#parts.needsPrediction(event)) return null
      if (this.#parts.isKnown(event)) return null
      const preparing = this.#parts.prepare?.(event)
      if (preparing !== undefined) return { event, latent: this.#after(preparing, event) }
      const encoded = this.#parts.encode(event)
      if (encoded === undefined) return null
      const latent = this.#parts.compute(encoded).catch(() => undefined)
      return { event, encoded, latent }
    } catch {
      return null
    }
  }

  async #after(preparing: Promise<void>, event: FeedbackEvent): Promise<Latent | undefined> {
    try {
      await preparing
      const encoded = this.#parts.encode(event)
      return encoded && (await this.#parts.compute(encoded))
    } catch {
      return undefined
    }
  }
}

function positionsOf(prefetched: PrefetchedEvent | null): number {
  if (prefetched === null) return 0
  const { encoded } = prefetched
  if (encoded === undefined) return PREPARED_POSITIONS
  return hasIds(encoded) ? encoded.data.length : 0
}
