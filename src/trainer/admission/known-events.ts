/**
 * What became of an event: learned, waiting for its prediction, set aside by a rollback, retracted before it came, to be
 * forgotten. Admission asks once.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { FeedbackEvent } from '../../contracts/event.ts'
import type { DedupeVerdict } from '../../intake/dedupe/dedupe.ts'
import type { ReceivedRecord } from '../../intake/join.ts'
import { keyOf, signalDigest } from '../../intake/events/event-key.ts'
import type { AdmissionParts } from './parts.ts'

type KnownEventsParts = Pick<
  AdmissionParts,
  'dedupe' | 'waiting' | 'setAside' | 'ahead' | 'forgetting' | 'progress'
>

export class KnownEvents {
  readonly #parts: KnownEventsParts

  constructor(parts: KnownEventsParts) {
    this.#parts = parts
  }

  /** `wasThere`: before the last rollback. */
  fateOf(event: FeedbackEvent, { record }: ReceivedRecord, wasThere: boolean): DedupeVerdict {
    const { forgetting, ahead, progress } = this.#parts
    const seen = this.look(event)
    const timeMs = event.timeMs ?? record.timeMs
    if (seen === 'forgotten' || forgetting.refuses(event, record.timeMs, timeMs)) return 'forgotten'
    const key = keyOf(event)
    if (seen === 'retracted' || ahead.has(key, progress.accepted)) return 'retracted'
    return wasThere && this.#isAside(key, event) ? 'same' : seen
  }

  /**
   * A different signal supersedes set-aside and waiting events in the same way as learned ones. The same signal may come
   * again where the event was never learned, or where the version gone back to has not learned it. After going back to a
   * version without a snapshot it stays a duplicate: that version, made elsewhere, may have learned this very event.
   */
  look(event: FeedbackEvent): DedupeVerdict {
    const { dedupe, waiting, setAside } = this.#parts
    const key = keyOf(event)
    const digest = signalDigest(event)
    const held = waiting.get(key)
    if (held !== undefined) return signalDigest(held.event) === digest ? 'same' : 'other'
    const seen = dedupe.see(key, digest)
    const was = setAside.get(key)?.was
    return seen === 'same' && was !== undefined && was !== 'undone' ? 'undone' : seen
  }

  /** Set aside with this very digest. */
  #isAside(key: ExampleKey, event: FeedbackEvent): boolean {
    const { setAside, dedupe } = this.#parts
    const what = setAside.get(key)?.what
    if (what === undefined) return false
    const digest = what.kind === 'event' ? signalDigest(what.event.event) : dedupe.digestOf(key)
    return digest === signalDigest(event)
  }
}
