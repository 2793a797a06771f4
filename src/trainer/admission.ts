/**
 * From a record to an example in the learner: parse → is it ours → seen before → retraction → join → encode → accept.
 *
 * Whatever cannot be learned from becomes a dead letter and never an exception, so that no event stops the stream. All
 * waiting comes before the first change: when `admit` rejects, nothing has happened.
 */
import {
  CodedError,
  type Decision,
  type Example,
  type FeedbackEvent,
  type Input,
  type ServedPrediction,
  type Vocabulary,
} from '../contracts.ts'
import { keyOf, type Dedupe, type Seen } from '../intake/dedupe.ts'
import {
  needsPrediction,
  type Received,
  type WaitingEvent,
  type WaitingRoom,
} from '../intake/join.ts'
import { lessonDigest, RETRACTED } from '../intake/lesson-digest.ts'
import { failure } from '../runtime/errors.ts'
import { isBefore } from './barrier.ts'
import { Foresight, type Foreseen } from './foresight.ts'
import type { Interleave } from './interleave.ts'
import type { Learner } from './learner.ts'
import type { LatentMap } from './learner-types.ts'
import type { Retracted } from './saved.ts'
import type { Tally } from './tally.ts'
import type { Letters } from './letters.ts'
import type { LoopParts } from './parts.ts'
import type { Patience } from './patience.ts'
import type { LatentSupply } from './latent-supply.ts'
import { eventAside, setAside } from './put-aside.ts'
import type { SetAside, SetAsideEntry } from './set-aside.ts'
import { receivedOf } from './set-aside-letters.ts'

export interface AdmissionParts {
  readonly loop: LoopParts
  readonly learner: Learner
  readonly tally: Tally
  readonly dedupe: Dedupe
  readonly waiting: WaitingRoom
  readonly setAside: SetAside
  readonly letters: Letters
  /** Keys of refused events are put here. */
  readonly refused: string[]
  readonly latents: LatentSupply
  readonly patience: Patience
  /** What a newer lesson takes the place of. */
  readonly onSupersede: (superseded: Retracted) => void
  /** What is to be forgotten everywhere. */
  readonly onRetract: (retracted: Retracted) => void
}

/** Whether an update is due. */
type Due = boolean

/** Whose example it is, where its dead letter would point, and whether it was counted as accepted before. */
type Counted = Pick<WaitingEvent, 'key' | 'received' | 'isCounted'> &
  (
    | Pick<WaitingEvent, 'event'>
    | { readonly event?: undefined; readonly lesson: number | undefined }
  )

/** What belongs to an event besides itself. */
interface Known {
  readonly served?: ServedPrediction
  readonly foreseen?: Foreseen | undefined
}

export class Admission {
  readonly #parts: AdmissionParts
  /** Waiting events that are tried again now. */
  #again: WaitingEvent[] = []
  /** The count of accepted events whose waiting events these are. */
  #count: number
  readonly #foresight: Foresight
  /** With the labels that the learner had when it was made. */
  #vocabulary: Vocabulary | undefined

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    this.#foresight = new Foresight({
      parse: ({ record, connector }) => parts.loop.parse(record, connector),
      isKnown: (event) => this.#look(event) === 'same',
      encode: (event) =>
        event.input && this.#isOurs(event) ? this.#encoded(event.input) : undefined,
      compute: (encoded) => parts.latents.ahead(encoded),
    })
    this.#count = parts.tally.state.triedAgain
  }

  /** At once, unless there is something to wait for. */
  admit(received: Received, signal: AbortSignal): Due | Promise<Due> {
    this.#parts.waiting.saw(received.record)
    const foreseen = this.#foresight.take(received.record)
    const event = foreseen?.event ?? this.#parse(received)
    if (event === undefined || !this.#isOurs(event)) return false
    const key = keyOf(event)
    if (event.lesson.kind === 'retract') return this.#retract(key, event)
    const seen = this.#look(event)
    const wasThere = this.#wasThereBefore(received)
    if (seen === 'same' || seen === 'retracted' || (wasThere && this.#isAside(key, event))) {
      this.#parts.tally.count('duplicates')
      return false
    }
    const waiting = { key, event, received, since: this.#parts.tally.accepted }
    if (wasThere) return this.#putAside(waiting)
    // A latent is kept under the key of its example.
    if (seen !== 'new') this.#parts.latents.forget([key])
    return needsPrediction(event)
      ? this.#join(waiting, signal)
      : this.#learn(waiting, { foreseen }, signal)
  }

  /** An event that was set aside, and that a person has asked for; it is counted as accepted already. */
  async relearn({ key, what, ...entry }: SetAsideEntry, signal: AbortSignal): Promise<Due> {
    const { tally, latents, setAside } = this.#parts
    if (what.kind === 'event') {
      const waiting = { ...what.event, since: tally.accepted, isCounted: true as const }
      const due = needsPrediction(waiting.event)
        ? await this.#join(waiting, signal)
        : await this.#learn(waiting, {}, signal)
      setAside.remove(key)
      return due
    }
    const received = receivedOf({ ...entry, key, what })
    const { example } = what
    const lesson = this.#parts.dedupe.lessonOf(key)
    const waiting = { key, received, lesson, isCounted: true as const }
    const found = await latents.all([example], signal)
    const due = this.#accepted(waiting, example, found)
    setAside.remove(key)
    return due
  }

  /** Call it before records are admitted, where computing latents takes time. */
  lookAhead(stream: Pick<Interleave, 'upcoming'>): void {
    if (this.#parts.latents.isImmediate) return
    const { wanted } = this.#foresight
    if (wanted > 0) this.#foresight.look(stream.upcoming(wanted))
  }

  /** A waiting event whose time has come after the events accepted so far; ask until there is none. */
  nextAgain(): WaitingEvent | undefined {
    const { waiting, tally } = this.#parts
    for (;;) {
      const next = this.#again.shift()
      if (next !== undefined) return next
      // Only when all of a count were tried: a crash before that tries them all once more.
      tally.triedAgain(this.#count)
      if (this.#count === tally.accepted) return undefined
      this.#count += 1
      this.#giveUp(waiting.expire(this.#count))
      this.#again.push(...waiting.due(this.#count))
    }
  }

  /** Another look for the prediction of an event that waits. */
  async again(waiting: WaitingEvent, signal: AbortSignal): Promise<Due> {
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

  /** Set aside with this very lesson. */
  #isAside(key: string, event: FeedbackEvent): boolean {
    const { setAside, dedupe } = this.#parts
    const what = setAside.get(key)?.what
    if (what === undefined) return false
    const lesson = what.kind === 'event' ? lessonDigest(what.event.event) : dedupe.lessonOf(key)
    return lesson === lessonDigest(event)
  }

  /** What is set aside, and what waits for its prediction, is superseded by another lesson like what was learned. */
  #look(event: FeedbackEvent): Seen {
    const { dedupe, waiting, setAside } = this.#parts
    const key = keyOf(event)
    const lesson = lessonDigest(event)
    const held = waiting.get(key)
    if (held !== undefined) return lessonDigest(held.event) === lesson ? 'same' : 'other'
    const seen = dedupe.see(key, lesson)
    return seen === 'same' && setAside.has(key) ? 'undone' : seen
  }

  /** What is set aside unread is read here, and no more. */
  #wasThereBefore(received: Received): boolean {
    const { barrier } = this.#parts.tally
    return barrier !== undefined && isBefore(received, barrier)
  }

  #putAside(waiting: WaitingEvent): Due {
    const { tally } = this.#parts
    tally.count('accepted')
    setAside(eventAside(waiting, 'unread'), this.#parts)
    return false
  }

  #parse(received: Received): FeedbackEvent | undefined {
    const { refused } = received.record
    try {
      if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
      return this.#parts.loop.parse(received.record, received.connector)
    } catch (error) {
      if (!this.#isForAnother(error)) this.#reject(received, error)
      return undefined
    }
  }

  async #join(waiting: WaitingEvent, signal: AbortSignal): Promise<Due> {
    const { loop, patience } = this.#parts
    const id = waiting.event.predictionId ?? ''
    const find = () => loop.predictions.find(id)
    const served = await patience.persist('looking up a served prediction', find, signal)
    return served === undefined ? this.#wait(waiting) : this.#learn(waiting, { served }, signal)
  }

  #learn(waiting: WaitingEvent, known: Known, signal: AbortSignal): Due | Promise<Due> {
    const example = this.#example(waiting, known)
    if (example === undefined) return false
    const latents = this.#parts.latents.now(example)
    return latents === undefined
      ? this.#computed(waiting, example, known, signal)
      : this.#accepted(waiting, example, latents)
  }

  async #computed(
    waiting: WaitingEvent,
    example: Example,
    { foreseen }: Known,
    signal: AbortSignal,
  ): Promise<Due> {
    const { latents } = this.#parts
    try {
      const ahead = await foreseen?.latent
      const found = ahead ? latents.keep(example, ahead) : await latents.first(example, signal)
      return this.#accepted(waiting, example, found)
    } catch (error) {
      return this.#refused(waiting, error)
    }
  }

  #accepted(waiting: Counted, example: Example, latents: LatentMap): Due {
    try {
      return this.#accept(waiting, example, latents).verdict === 'update'
    } catch (error) {
      return this.#refused(waiting, error)
    }
  }

  /** Stopping, and defects of an engine, are no fault of the event. */
  #refused({ received, key }: Counted, error: unknown): false {
    if (!(error instanceof CodedError)) throw error
    this.#reject(received, error, key)
    return false
  }

  /**
   * Another lesson under the same id, and a label for an answer about which something was said before: the newer one takes
   * the place of the older ones, in past states too.
   */
  #supersede({ key, received, event }: Counted, { predictionId }: Example): void {
    const { learner, dedupe, waiting, setAside, onSupersede } = this.#parts
    const about = event?.lesson.kind === 'label' ? predictionId : undefined
    const isKnown = dedupe.lessonOf(key) !== undefined
    const keys = [...(isKnown ? [key] : []), ...learner.about(about)]
    for (const held of waiting.about(key, about)) if (held.received !== received) this.#drop(held)
    if (about !== undefined) for (const aside of setAside.about(key, about)) setAside.remove(aside)
    if (keys.length > 0) onSupersede({ keys, predictions: about === undefined ? [] : [about] })
  }

  /** It is not waited for any more. Each record of the stream is counted as something. */
  #drop({ key, isCounted }: WaitingEvent): void {
    this.#parts.waiting.leave(key)
    if (isCounted !== true) this.#parts.tally.count('accepted')
  }

  #wait(waiting: WaitingEvent): Due {
    const { waiting: room } = this.#parts
    const held = room.get(waiting.key)
    if (held?.received === waiting.received) return false
    if (held !== undefined) this.#drop(held)
    room.enter(waiting)
    // A full room lets the oldest go.
    this.#giveUp(room.expire(waiting.since))
    return false
  }

  #example(waiting: WaitingEvent, { served, foreseen }: Known): Example | undefined {
    const { key, event, received } = waiting
    try {
      const { predictionId, timeMs = received.record.timeMs } = event
      return {
        key,
        encoded: foreseen?.encoded ?? this.#encoded(event.input ?? served?.input),
        target: this.#target(event, served),
        weight: event.weight,
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
      }
    } catch (error) {
      this.#reject(received, error, key)
      return undefined
    }
  }

  #encoded(input: Input | undefined): Example['encoded'] {
    const { base, maxTokens } = this.#parts.loop
    if (input === undefined) throw failure('EVENT_INVALID', 'neither input nor prediction_id')
    return base.encode(input, maxTokens)
  }

  #target(event: FeedbackEvent, served: ServedPrediction | undefined): Example['target'] {
    const { task } = this.#parts.loop
    return task.target(event.lesson, served?.label, this.#vocabularyNow())
  }

  #vocabularyNow(): Vocabulary {
    const { loop, learner } = this.#parts
    const { labels } = learner
    if (this.#vocabulary?.labels !== labels) this.#vocabulary = { ...loop.labels, labels }
    return this.#vocabulary
  }

  #accept(counted: Counted, example: Example, latents: LatentMap): Decision<'wait' | 'update'> {
    const { learner, tally, dedupe, waiting, setAside, loop } = this.#parts
    const { isCounted, event } = counted
    learner.check(example)
    this.#supersede(counted, example)
    const decision = learner.accept(example, latents, loop.clock.nowMs())
    waiting.leave(example.key)
    setAside.remove(example.key)
    dedupe.add(example.key, event ? lessonDigest(event) : counted.lesson)
    if (isCounted !== true) tally.count('accepted')
    return decision
  }

  /** By its own key, or everything that was said about a prediction. Seen from now on: it may overtake what it takes back. */
  #retract(key: string, event: FeedbackEvent): Due {
    const { learner, waiting, setAside, dedupe, tally, onRetract } = this.#parts
    const about = event.predictionId
    const known = [...learner.pending, ...learner.remembered, ...(learner.memorised ?? [])]
    const examples = known.filter(
      (example) => example.key === key || (about !== undefined && example.predictionId === about),
    )
    for (const gone of waiting.about(key, about)) {
      this.#drop(gone)
      dedupe.add(gone.key, RETRACTED)
    }
    for (const gone of setAside.about(key, about)) {
      setAside.remove(gone)
      dedupe.add(gone, RETRACTED)
    }
    for (const gone of examples) dedupe.add(gone.key, RETRACTED)
    dedupe.add(key, RETRACTED)
    tally.count('accepted')
    const keys = [key, ...examples.map((example) => example.key)]
    onRetract({ keys, predictions: about === undefined ? [] : [about] })
    return false
  }

  #giveUp(events: readonly WaitingEvent[]): void {
    for (const { event, received } of events) {
      const id = event.predictionId ?? ''
      const error = failure('PREDICTION_UNKNOWN', `no prediction ${id} was seen`)
      this.#reject(received, error, keyOf(event))
    }
  }

  #reject(received: Received, error: unknown, key?: string): void {
    const { letters, tally, waiting } = this.#parts
    if (key !== undefined && waiting.get(key)?.received === received) waiting.leave(key)
    letters.add(received, letters.reasonOf(error))
    if (key !== undefined) this.#parts.refused.push(key)
    tally.count('rejected')
  }
}
