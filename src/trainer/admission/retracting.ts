/**
 * Retractions: their events are forgotten everywhere, here and in past states. The retraction of an unseen event is kept,
 * as far as there is room, and the event is refused when it comes.
 */
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent } from '../../contracts/event.ts'
import type { Example } from '../../contracts/example.ts'
import { identityOf, keyOf, RETRACTED } from '../../intake/events/event-key.ts'
import type { ReceivedRecord, WaitingEvent } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { isMeant, meantBy, type Meant } from '../../intake/retraction.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { AdmissionParts, Due } from './parts.ts'
import type { Refusals } from './refusals.ts'

/** A retraction in progress. */
interface RetractionTurn {
  readonly event: FeedbackEvent
  readonly received: ReceivedRecord
  readonly meant: Meant
  /** What is held of it, and may be held twice. */
  readonly said: readonly Example[]
  readonly keys: readonly ExampleKey[]
  /** Rows of the event log that it means, and those of them that it reaches. */
  readonly all: readonly ExampleKey[]
  readonly logged: readonly ExampleKey[]
  readonly held: HeldEvents
}

/** Events that wait or are set aside. */
interface HeldEvents {
  readonly waits: readonly WaitingEvent[]
  readonly aside: readonly ExampleKey[]
  /** Of both. */
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
  retract(event: FeedbackEvent, received: ReceivedRecord, signal: AbortSignal): Due | Promise<Due> {
    const { learner, heldOut, dedupe, latents, log } = this.#parts
    const meant = meantBy(event, (key) => dedupe.digestOf(key) !== undefined)
    const taught = [...learner.pending, ...learner.remembered, ...(learner.memorised ?? [])]
    const known = [...taught, ...heldOut.rows]
    const reached = (key: ExampleKey) => this.#reaches(event, key)
    const keys = known.flatMap((each) => (isMeant(meant, each) ? each.key : [])).filter(reached)
    const said = [...learner.pending, ...learner.remembered].filter(
      (each) => isMeant(meant, each) && reached(each.key),
    )
    const about = meant.kind === 'event' ? learner.about(meant.predictionId) : []
    const all = [...new Set([...log.meant(meant), ...about])]
    const logged = all.filter(reached)
    const held = this.#heldMeant(event, meant)
    const turn = { event, received, meant, said, keys, all, logged, held }
    // The older lesson of an event whose newer one waits goes with it.
    const unlearnable = learner.unlearnable([...keys, ...logged, ...held.keys])
    if (unlearnable.length === 0) return this.#retracted(turn)
    return latents.all(unlearnable, signal).then((found) => this.#subtracted(turn, found))
  }

  /** The sums first: where they cannot be without it, nothing else is changed. */
  #subtracted(retracting: RetractionTurn, latents: LatentMap): false {
    try {
      const { keys, logged, held } = retracting
      const all = [...keys, ...logged, ...held.keys]
      this.#parts.onRetract({ keys: all, predictions: [] }, latents)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      this.#refusals.reject(retracting.received, error)
      return false
    }
    return this.#retracted(retracting)
  }

  #retracted({ event, received, meant, said, keys, all, logged, held }: RetractionTurn): false {
    const { dedupe, progress, onRetract, log } = this.#parts
    const gone = [...new Set([...keys, ...this.#dropped(held), ...logged])]
    const own = keyOf(event)
    const isWhole = logged.length === all.length
    if (gone.length === 0 && !isWhole) return this.#refuseBeyond(event, received)
    if (gone.length === 0 && !this.#isAhead(event, meant, received)) return false
    this.#unrated(said)
    // In an order that does not depend on how often the trainer was restarted.
    for (const key of gone.toSorted()) {
      log.erase(key, eventStates.retracted)
      dedupe.add(key, RETRACTED)
    }
    if (dedupe.digestOf(own) !== undefined) dedupe.add(own, RETRACTED)
    if (gone.length > 0 || !passes(event)) progress.count('accepted')
    const { predictionId } = event
    const isMany = meant.kind !== 'event'
    onRetract({
      keys: isMany ? gone : [own, ...gone],
      predictions: predictionId === undefined || !isWhole ? [] : [predictionId],
      ...(isMany && { meant: [meant] }),
    })
    return false
  }

  /** Or a rater who takes back what it likes would look balanced. */
  #unrated(said: readonly Example[]): void {
    const { loop, raters } = this.#parts
    for (const { source, target } of new Map(said.map((each) => [each.key, each])).values()) {
      const verdict = loop.task.texts?.verdict(target)
      if (verdict !== undefined) raters.takeBack(source, verdict)
    }
  }

  /** By its prediction a retraction means the feedback of other sources too. */
  #reaches({ source, predictionId }: FeedbackEvent, key: ExampleKey): boolean {
    const { reaches } = this.#parts.loop.intake
    return predictionId === undefined || reaches?.(source, identityOf(key).source) !== false
  }

  #refuseBeyond({ source, predictionId = '' }: FeedbackEvent, received: ReceivedRecord): false {
    const text = `${source} may not take back what other sources said about the prediction ${predictionId}`
    this.#refusals.reject(received, failure('RETRACTION_UNMATCHED', text))
    return false
  }

  #heldMeant(by: FeedbackEvent, meant: Meant): HeldEvents {
    const { waiting, setAside } = this.#parts
    const waits = waiting.events.filter(
      ({ key, event }) => isMeant(meant, { ...event, key }) && this.#reaches(by, key),
    )
    const aside = setAside.entries.flatMap(({ what, ...each }) => {
      const said = what.kind === 'example' ? what.example : what.event.event
      const isSaid = isMeant(meant, { ...each, predictionId: said.predictionId })
      return isSaid && this.#reaches(by, each.key) ? each.key : []
    })
    return { waits, aside, keys: [...waits.map(({ key }) => key), ...aside] }
  }

  #dropped({ waits, aside, keys }: HeldEvents): readonly ExampleKey[] {
    for (const each of waits) this.#refusals.drop(each)
    for (const key of aside) this.#parts.setAside.remove(key)
    return keys
  }

  /** It refers to nothing known. Returns whether it counts anyway. */
  #isAhead(event: FeedbackEvent, meant: Meant, received: ReceivedRecord): boolean {
    const { ahead, progress, dedupe, refused } = this.#parts
    if (meant.kind === 'source' || event.predictionId !== undefined) return true
    if (passes(event)) return false
    const key = keyOf(event)
    if (meant.kind === 'event' && dedupe.digestOf(key) !== undefined) return true
    if (meant.kind === 'event' && ahead.add(key, progress.accepted)) return true
    // So that a later event is not said to have been retracted, and the retraction may come again.
    refused.push(keyOf({ source: event.source, id: `${event.id}\0retract` }))
    this.#refusals.reject(received, this.#unmatched(event, meant))
    return false
  }

  #unmatched({ id, source }: FeedbackEvent, meant: Meant) {
    if (meant.kind === 'id')
      return failure('RETRACTION_UNMATCHED', `no event ${id} of any source is known`)
    if (this.#parts.ahead.isOn)
      return failure('RETRACTIONS_FULL', `too many unmatched retractions from ${source}`)
    return failure(
      'RETRACTION_UNMATCHED',
      `no event ${id} of ${source} is known, and none may be retracted before it comes`,
      {
        fix: 'send the retraction after its event; where events may come later, set limits.retractions_ahead: without keys (server.auth) it is 0',
      },
    )
  }
}

/** If nothing here is meant, another shard has it. */
function passes({ signal }: FeedbackEvent): boolean {
  return isRetraction(signal) && signal.passes === true
}
