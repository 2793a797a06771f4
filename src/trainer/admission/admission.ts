/**
 * From a record to an example in the learner: parse → model check → deduplicate → retract → join → encode → accept, or
 * hold out.
 *
 * An event that cannot be learned from becomes a dead letter, never an exception, so that no event stops the stream.
 * All waiting comes before the first change: when `admit` rejects, nothing has changed.
 */
import { isBefore } from '../../checkpoint/saved.ts'
import type { OrderedRow } from '../../checkpoint/event-log/row-contents.ts'
import { eventStates, isOpen } from '../../checkpoint/event-log/states.ts'
import type { SetAsideEntry } from '../../checkpoint/set-aside-events.ts'
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent } from '../../contracts/event.ts'
import type { Example } from '../../contracts/example.ts'
import { keyOf } from '../../intake/events/event-key.ts'
import {
  isErased,
  needsPrediction,
  type ReceivedRecord,
  type WaitingEvent,
} from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import { eventAside, setAside } from '../lineage/put-aside.ts'
import { receivedOf, receivedOfExample } from '../lineage/set-aside-letters.ts'
import type { SourceMultiplexer } from '../sources/multiplexer.ts'
import { type BufferedRecord, Prefetcher } from '../sources/prefetcher.ts'
import { Acceptance, type CountedEvent } from './acceptance.ts'
import { ExampleMaker, type KnownParts } from './example-maker.ts'
import { KnownEvents } from './known-events.ts'
import type { AdmissionParts, Due } from './parts.ts'
import { Refusals } from './refusals.ts'
import { Rewards } from './rewards.ts'
import { Retractions } from './retracting.ts'

export class Admission {
  readonly #parts: AdmissionParts
  readonly #refusals: Refusals
  readonly #retractions: Retractions
  readonly #rewards: Rewards
  readonly #known: KnownEvents
  readonly #examples: ExampleMaker
  readonly #acceptance: Acceptance
  readonly #prefetcher: Prefetcher
  /** Waiting events that are tried again now. */
  #again: WaitingEvent[] = []
  /** The count of accepted events at which these waiting events are due. */
  #count: number

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    this.#refusals = new Refusals(parts)
    this.#retractions = new Retractions(parts, this.#refusals)
    this.#rewards = new Rewards(parts, this.#refusals)
    this.#known = new KnownEvents(parts)
    this.#examples = new ExampleMaker(parts)
    this.#acceptance = new Acceptance(parts, this.#refusals, this.#rewards)
    this.#prefetcher = new Prefetcher({
      parse: ({ record, connector }) => parts.loop.intake.parse(record, connector),
      needsPrediction: (event) => this.#needsPrediction(event),
      isKnown: (event) => this.#known.look(event) === 'same',
      prepare: (event) =>
        event.input && this.#isOurs(event) ? this.#examples.prepare(event.input) : undefined,
      encode: (event) =>
        event.input && this.#isOurs(event) ? this.#examples.encode(event.input, event) : undefined,
      compute: (encoded) => parts.latents.ahead(encoded),
    })
    this.#count = parts.progress.state.triedAgain
  }

  /** Synchronous, unless it has to wait. */
  admit(received: BufferedRecord, signal: AbortSignal): Due | Promise<Due> {
    const { defence, onConsult } = this.#parts
    if (defence?.isOutdated === true && onConsult !== undefined)
      return onConsult(signal).then(() => this.#admit(received, signal))
    return this.#admit(received, signal)
  }

  #admit(received: BufferedRecord, signal: AbortSignal): Due | Promise<Due> {
    this.#parts.waiting.saw(received.record)
    if (this.#wasErased(received)) {
      this.#parts.progress.count('duplicates')
      return false
    }
    const prefetched = this.#prefetcher.take(received)
    const event = prefetched?.event ?? this.#parse(received)
    if (event === undefined || !this.#isOurs(event)) return false
    const key = keyOf(event)
    if (isRetraction(event.signal)) return this.#retractions.retract(event, received, signal)
    const wasThere = this.#wasThereBefore(received)
    const fate = this.#known.fateOf(event, received, wasThere)
    if (fate === 'retracted') return this.#refuseRetracted(key, received)
    // A dead letter would keep what has to be forgotten.
    if (fate === 'same' || fate === 'forgotten') {
      this.#parts.progress.count('duplicates')
      return false
    }
    const waiting = { key, event, received, since: this.#parts.progress.accepted }
    if (wasThere) return this.#putAside(waiting)
    // A latent is kept under the key of its example.
    if (fate !== 'new') this.#parts.latents.forget([key])
    if (this.#rewards.holds(event)) return this.#hold(waiting)
    return this.#needsPrediction(event)
      ? this.#join(waiting, signal)
      : this.#learn(waiting, { prefetched }, signal)
  }

  /** The inbox leaves an empty place; an empty record of another source is the fault of its sender. */
  #wasErased({ record, connector }: ReceivedRecord): boolean {
    const { forgetting, loop } = this.#parts
    return connector === loop.intake.feedbackSource && forgetting.isErased(record.value)
  }

  #needsPrediction(event: FeedbackEvent): boolean {
    return needsPrediction(event, this.#parts.loop.task.view.signals)
  }

  /** Until its reward comes, or its window is over. */
  #hold(waiting: WaitingEvent): false {
    const { progress, log, waiting: room } = this.#parts
    if (this.#rewards.isSettled(waiting.event)) progress.count('duplicates')
    else {
      log.add({ key: waiting.key, state: eventStates.waiting })
      room.enter(waiting)
    }
    return false
  }

  #refuseRetracted(key: ExampleKey, received: ReceivedRecord): false {
    const { log } = this.#parts
    if (log.stateOf(key) !== eventStates.retracted) log.erase(key, eventStates.retracted)
    this.#refusals.reject(received, failure('RETRACTED', 'an event with this id was retracted'))
    return false
  }

  /** An event that is learned again, because others were forgotten. */
  async learnAgain({ key, example, order }: OrderedRow, signal: AbortSignal): Promise<Due> {
    const { log, loop, latents, dedupe, forgetting } = this.#parts
    log.mark(key, eventStates.waiting)
    if (example === undefined) return false
    const place = { partition: 'event-log', position: String(order) }
    const received = receivedOfExample(example, place, loop.task)
    const waiting = { key, received, digest: dedupe.digestOf(key), isCounted: true as const }
    const due = this.#acceptance.accept(waiting, example, await latents.all([example], signal))
    const state = log.stateOf(key)
    if (state === eventStates.pending || state === eventStates.held_out) forgetting.tookAgain()
    return due
  }

  /** A set-aside event that a person asked for; it is already counted as accepted. */
  async relearn({ key, what, ...entry }: SetAsideEntry, signal: AbortSignal): Promise<Due> {
    const { progress, latents, setAside, loop, log } = this.#parts
    // It is on its way again: refused, it counts as rejected.
    log.wasSetAside(key, eventStates.waiting)
    if (what.kind === 'event') {
      const waiting = { ...what.event, since: progress.accepted, isCounted: true as const }
      const due = this.#needsPrediction(waiting.event)
        ? await this.#join(waiting, signal)
        : await this.#learn(waiting, {}, signal)
      setAside.remove(key)
      return due
    }
    const received = receivedOf({ ...entry, key, what }, loop.task)
    const { example } = what
    const digest = this.#parts.dedupe.digestOf(key)
    const waiting = { key, received, digest, isCounted: true as const }
    const found = await latents.all([example], signal)
    const due = this.#acceptance.accept(waiting, example, found)
    setAside.remove(key)
    return due
  }

  /** Call it before records are admitted. */
  lookAhead(stream: Pick<SourceMultiplexer, 'upcoming'>): void {
    const { latents, loop } = this.#parts
    if (latents.isImmediate && loop.encoding.base.prepare === undefined) return
    const { wanted } = this.#prefetcher
    if (wanted > 0) this.#prefetcher.look(stream.upcoming(wanted))
  }

  /** Where nothing waits, what was accepted so far needs no other look: the next checkpoint has it as tried. */
  passAgain(): void {
    const { waiting, progress } = this.#parts
    if (waiting.size > 0 || this.#again.length > 0) return
    for (; this.#count < progress.accepted; this.#count += 1) waiting.due(this.#count + 1)
    progress.triedAgain(this.#count)
  }

  /** A waiting event to retry after the events accepted so far; call it until there is none. */
  nextAgain(): WaitingEvent | undefined {
    const { waiting, progress } = this.#parts
    for (;;) {
      const next = waiting.over() ?? this.#again.shift()
      if (next !== undefined) return next
      // Only when all of a count were tried: a crash before that tries them all once more.
      progress.triedAgain(this.#count)
      if (this.#count === progress.accepted) return undefined
      this.#count += 1
      this.#refusals.giveUp(waiting.expire(this.#count))
      this.#again.push(...waiting.due(this.#count))
    }
  }

  /** Another look for the prediction of an event that waits. */
  async again(waiting: WaitingEvent, signal: AbortSignal): Promise<Due> {
    await this.#parts.onConsult?.(signal)
    return this.#parts.waiting.has(waiting.key) ? this.#join(waiting, signal) : false
  }

  #isOurs({ model }: FeedbackEvent): boolean {
    return model === undefined || model === this.#parts.loop.model
  }

  /** The model that it names keeps the dead letter. */
  #isForAnother(error: unknown): boolean {
    const named = error instanceof CodedError ? error.details.model : undefined
    return named !== undefined && named !== this.#parts.loop.model
  }

  /** Events set aside unread are parsed here, and nothing more. */
  #wasThereBefore(received: ReceivedRecord): boolean {
    const { barrier } = this.#parts.progress
    return barrier !== undefined && isBefore(received, barrier)
  }

  #putAside(waiting: WaitingEvent): Due {
    const { progress, loop } = this.#parts
    const { task } = loop
    progress.count('accepted')
    const goneTo = progress.barrier?.goneTo
    setAside(eventAside(waiting, { was: 'unread', goneTo }, task), { ...this.#parts, task })
    return false
  }

  #parse(received: ReceivedRecord): FeedbackEvent | undefined {
    try {
      return this.#parts.loop.intake.parse(received.record, received.connector)
    } catch (error) {
      if (!this.#isForAnother(error)) this.#refusals.reject(received, error)
      return undefined
    }
  }

  async #join(waiting: WaitingEvent, signal: AbortSignal): Promise<Due> {
    const { loop, retry } = this.#parts
    const id = waiting.event.predictionId ?? ''
    const find = () => loop.intake.predictions.find(id)
    const served = await retry
      .run('looking up a served prediction', find, signal)
      .catch((error: unknown) => {
        if (!isErased(error)) throw error
        this.#refusals.reject(waiting.received, error, waiting.key)
        return null
      })
    if (served === null) return false
    if (served !== undefined) return this.#learn(waiting, { served }, signal)
    if (!this.#rewards.holds(waiting.event)) return this.#wait(waiting)
    this.#refusals.giveUp([waiting])
    return false
  }

  #learn(waiting: WaitingEvent, known: KnownParts, signal: AbortSignal): Due | Promise<Due> {
    const input = waiting.event.input ?? known.served?.input
    const preparing = input && this.#examples.prepare(input)
    return preparing === undefined
      ? this.#learnPrepared(waiting, known, signal)
      : this.#learnAfter(preparing, waiting, known, signal)
  }

  async #learnAfter(
    preparing: Promise<void>,
    waiting: WaitingEvent,
    known: KnownParts,
    signal: AbortSignal,
  ): Promise<Due> {
    try {
      await preparing
    } catch (error) {
      return this.#acceptance.refuse(waiting, error)
    }
    signal.throwIfAborted()
    return this.#learnPrepared(waiting, known, signal)
  }

  #learnPrepared(
    waiting: WaitingEvent,
    known: KnownParts,
    signal: AbortSignal,
  ): Due | Promise<Due> {
    const example = this.#made(waiting, known)
    if (example === undefined) return false
    const joined = known.served === undefined ? waiting : { ...waiting, served: known.served }
    const replaced = this.#acceptance.replaced(waiting, example)
    if (replaced.length > 0) return this.#learnInstead(joined, example, replaced, signal)
    const latents = this.#parts.latents.now(example)
    return latents === undefined
      ? this.#computed(joined, example, known, signal)
      : this.#acceptance.accept(joined, example, latents)
  }

  #made(waiting: WaitingEvent, known: KnownParts): Example | undefined {
    try {
      this.#rewards.check(waiting, known.served)
      return this.#examples.of(waiting, known)
    } catch (error) {
      this.#refusals.reject(waiting.received, error, waiting.key)
      return undefined
    }
  }

  async #computed(
    waiting: CountedEvent,
    example: Example,
    { prefetched }: KnownParts,
    signal: AbortSignal,
  ): Promise<Due> {
    const { latents } = this.#parts
    try {
      const ahead = await prefetched?.latent
      const found = ahead ? latents.keep(example, ahead) : await latents.first(example, signal)
      return this.#acceptance.accept(waiting, example, found)
    } catch (error) {
      return this.#acceptance.refuse(waiting, error)
    }
  }

  async #learnInstead(
    waiting: CountedEvent,
    example: Example,
    replaced: readonly Example[],
    signal: AbortSignal,
  ): Promise<Due> {
    const { latents } = this.#parts
    try {
      const old = await latents.all(replaced, signal)
      latents.forget([example.key])
      const found = latents.now(example) ?? (await latents.first(example, signal))
      return this.#acceptance.accept(waiting, example, found, old)
    } catch (error) {
      return this.#acceptance.refuse(waiting, error)
    }
  }

  #wait(waiting: WaitingEvent): Due {
    const { waiting: room, log } = this.#parts
    const held = room.get(waiting.key)
    if (held?.received === waiting.received) return false
    if (held !== undefined) this.#refusals.drop(held)
    const state = log.stateOf(waiting.key)
    // An event that was accepted under this id before keeps its state until this one is accepted.
    if (state === undefined || isOpen(state))
      log.add({ key: waiting.key, state: eventStates.waiting })
    room.enter(waiting)
    // When the limit is reached, the oldest is dropped.
    this.#refusals.giveUp(room.expire(waiting.since))
    return false
  }
}
