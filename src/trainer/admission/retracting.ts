/**
 * Retractions: their events are forgotten everywhere, here and in past states. The retraction of an unseen event is kept,
 * as far as there is room, and the event is refused when it comes.
 */
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import type { FeedbackEvent } from '../../contracts/event.ts'
import { keyOf } from '../../intake/events/event-key.ts'
import type { Received } from '../../intake/join.ts'
import { RETRACTED } from '../../intake/events/signal-digest.ts'
import { failure } from '../../platform/errors.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { isMeant, meantBy, type Meant } from '../../intake/retraction.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { AdmissionParts, Due } from './parts.ts'
import type { Refusals } from './refusals.ts'

/** A retraction in progress. */
interface Retracting {
  readonly event: FeedbackEvent
  readonly received: Received
  readonly meant: Meant
  readonly keys: readonly ExampleKey[]
}

export class Retractions {
  readonly #parts: AdmissionParts
  readonly #refusals: Refusals

  constructor(parts: AdmissionParts, refusals: Refusals) {
    this.#parts = parts
    this.#refusals = refusals
  }

  /**
   * Retracts everything it refers to, here and in past states; an event that was not seen yet is refused when it comes,
   * as far as there is room.
   */
  retract(event: FeedbackEvent, received: Received, signal: AbortSignal): Due | Promise<Due> {
    const { learner, heldOut, dedupe, latents } = this.#parts
    const meant = meantBy(event, (key) => dedupe.digestOf(key) !== undefined)
    const taught = [...learner.pending, ...learner.remembered, ...(learner.memorised ?? [])]
    const known = [...taught, ...heldOut.rows]
    const keys = known.filter((each) => isMeant(meant, each)).map(({ key }) => key)
    const unlearnable = learner.unlearnable([...new Set(keys)])
    if (unlearnable.length === 0) return this.#retracted({ event, received, meant, keys })
    return latents
      .all(unlearnable, signal)
      .then((found) => this.#subtracted({ event, received, meant, keys }, found))
  }

  /** The sums first: where they cannot be without it, nothing else is changed. */
  #subtracted(retracting: Retracting, latents: LatentMap): false {
    try {
      this.#parts.onRetract({ keys: retracting.keys, predictions: [] }, latents)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      this.#refusals.reject(retracting.received, error)
      return false
    }
    return this.#retracted(retracting)
  }

  #retracted({ event, received, meant, keys }: Retracting): false {
    const { dedupe, progress, onRetract, log } = this.#parts
    const logged = log.meant(meant)
    const gone = [...new Set([...keys, ...this.#dropMeant(meant), ...logged])]
    const own = keyOf(event)
    if (gone.length === 0 && !this.#isAhead(event, meant, received)) return false
    for (const key of gone) {
      log.erase(key, eventStates.retracted)
      dedupe.add(key, RETRACTED)
    }
    if (dedupe.digestOf(own) !== undefined) dedupe.add(own, RETRACTED)
    progress.count('accepted')
    const { predictionId } = event
    const isMany = meant.kind !== 'event'
    onRetract({
      keys: isMany ? gone : [own, ...gone],
      predictions: predictionId === undefined ? [] : [predictionId],
      ...(isMany && { meant: [meant] }),
    })
    return false
  }

  /** Removes it from waiting and set-aside events. */
  #dropMeant(meant: Meant): readonly ExampleKey[] {
    const { waiting, setAside } = this.#parts
    const waits = waiting.events.filter(({ key, event }) => isMeant(meant, { ...event, key }))
    for (const each of waits) this.#refusals.drop(each)
    const aside = setAside.entries.filter(({ what, ...each }) => {
      const said = what.kind === 'example' ? what.example : what.event.event
      return isMeant(meant, { ...each, predictionId: said.predictionId })
    })
    for (const { key } of aside) setAside.remove(key)
    return [...waits, ...aside].map(({ key }) => key)
  }

  /** It refers to nothing known. Returns whether it counts anyway. */
  #isAhead(event: FeedbackEvent, meant: Meant, received: Received): boolean {
    const { ahead, progress, dedupe } = this.#parts
    if (meant.kind === 'source' || event.predictionId !== undefined) return true
    const key = keyOf(event)
    if (meant.kind === 'event' && dedupe.digestOf(key) !== undefined) return true
    if (meant.kind === 'event' && ahead.add(key, progress.accepted)) return true
    const error =
      meant.kind === 'id'
        ? failure('RETRACTION_UNMATCHED', `no event ${event.id} of any source is known`)
        : failure('RETRACTIONS_FULL', `too many unmatched retractions from ${event.source}`)
    this.#refusals.reject(received, error)
    return false
  }
}
