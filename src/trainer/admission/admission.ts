/**
 * From a record to an example in the learner: parse → model check → deduplicate → retract → join → encode → accept, or
 * hold out.
 *
 * An event that cannot be learned from becomes a dead letter, never an exception, so that no event stops the stream.
 * All waiting comes before the first change: when `admit` rejects, nothing has changed.
 */
import type { AdmissionParts, Due } from './parts.ts'
import { Refusals } from './refusals.ts'
import { Retractions } from './retracting.ts'
import { CodedError, type Decision, type ExampleKey } from '../../contracts/core.ts'
import type { FeedbackEvent, Input, ServedPrediction } from '../../contracts/stream.ts'
import type { Example } from '../../contracts/task.ts'
import type { Seen } from '../../intake/dedupe/dedupe.ts'
import { encodeExample } from '../../intake/encode-example.ts'
import { keyOf } from '../../intake/events/event-key.ts'
import { needsPrediction, type Received, type WaitingEvent } from '../../intake/join.ts'
import { signalDigest } from '../../intake/events/signal-digest.ts'
import { failure } from '../../platform/errors.ts'
import { isBefore } from '../../checkpoint/barrier.ts'
import { eventStates, isOpen } from '../../checkpoint/event-log/states.ts'
import type { OrderedRow } from '../../checkpoint/event-log/row-contents.ts'
import { type BufferedRecord, type Prefetched, Prefetcher } from '../sources/prefetcher.ts'
import type { SourceMultiplexer } from '../sources/multiplexer.ts'
import { latentOf } from '../../learner/rehearsal.ts'
import { keepBack } from './quarantine.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { eventAside, setAside } from '../routing/put-aside.ts'
import type { SetAsideEntry } from '../../checkpoint/set-aside-events.ts'
import { receivedOf, receivedOfExample } from '../routing/set-aside-letters.ts'

/** The source of the example, the place for its dead letter, and whether it was counted as accepted before. */
type Counted = Pick<WaitingEvent, 'key' | 'received' | 'isCounted'> & {
  /** The answer that it judges. */
  readonly served?: ServedPrediction
} & (
    | Pick<WaitingEvent, 'event'>
    | { readonly event?: undefined; readonly digest: number | undefined }
  )

/** The data that accompanies an event. */
interface Known {
  readonly served?: ServedPrediction
  readonly prefetched?: Prefetched | undefined
}

export class Admission {
  readonly #parts: AdmissionParts
  readonly #refusals: Refusals
  readonly #retractions: Retractions
  /** Waiting events that are tried again now. */
  #again: WaitingEvent[] = []
  /** The count of accepted events at which these waiting events are due. */
  #count: number
  readonly #prefetcher: Prefetcher

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    this.#refusals = new Refusals(parts)
    this.#retractions = new Retractions(parts, this.#refusals)
    this.#prefetcher = new Prefetcher({
      parse: ({ record, connector }) => parts.loop.intake.parse(record, connector),
      isKnown: (event) => this.#look(event) === 'same',
      encode: (event) =>
        event.input && this.#isOurs(event) ? this.#encoded(event.input, event) : undefined,
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
    if (this.#parts.forgetting.isErased(received.record.value)) {
      this.#parts.progress.count('duplicates')
      return false
    }
    const prefetched = this.#prefetcher.take(received)
    const event = prefetched?.event ?? this.#parse(received)
    if (event === undefined || !this.#isOurs(event)) return false
    const key = keyOf(event)
    if (event.signal.kind === 'retract') return this.#retractions.retract(event, received, signal)
    const seen = this.#look(event)
    const wasThere = this.#wasThereBefore(received)
    if (seen === 'forgotten' || this.#isForgotten(event, received)) {
      // A dead letter would keep what has to be forgotten.
      this.#parts.progress.count('duplicates')
      return false
    }
    if (seen === 'retracted' || this.#parts.ahead.has(key, this.#parts.progress.accepted))
      return this.#refuseRetracted(key, received)
    if (seen === 'same' || (wasThere && this.#isAside(key, event))) {
      this.#parts.progress.count('duplicates')
      return false
    }
    const waiting = { key, event, received, since: this.#parts.progress.accepted }
    if (wasThere) return this.#putAside(waiting)
    // A latent is kept under the key of its example.
    if (seen !== 'new') this.#parts.latents.forget([key])
    return needsPrediction(event)
      ? this.#join(waiting, signal)
      : this.#learn(waiting, { prefetched }, signal)
  }

  #isForgotten(event: FeedbackEvent, { record }: Received): boolean {
    return this.#parts.forgetting.refuses(event, record.timeMs, event.timeMs ?? record.timeMs)
  }

  #refuseRetracted(key: ExampleKey, received: Received): false {
    const { log } = this.#parts
    if (log.stateOf(key) !== eventStates.retracted) log.erase(key, eventStates.retracted)
    this.#refusals.reject(received, failure('RETRACTED', 'an event with this id was retracted'))
    return false
  }

  /** An event that is learned again, because others were forgotten. */
  async learnAgain({ key, example, order }: OrderedRow, signal: AbortSignal): Promise<Due> {
    const { log, loop, latents, dedupe } = this.#parts
    log.mark(key, eventStates.waiting)
    if (example === undefined) return false
    const place = { partition: 'event-log', position: String(order) }
    const received = receivedOfExample(example, place, loop.task)
    const waiting = { key, received, digest: dedupe.digestOf(key), isCounted: true as const }
    return this.#accepted(waiting, example, await latents.all([example], signal))
  }

  /** A set-aside event that a person asked for; it is already counted as accepted. */
  async relearn({ key, what, ...entry }: SetAsideEntry, signal: AbortSignal): Promise<Due> {
    const { progress, latents, setAside, loop, log } = this.#parts
    // It is on its way again: refused, it counts as rejected.
    log.wasSetAside(key, eventStates.waiting)
    if (what.kind === 'event') {
      const waiting = { ...what.event, since: progress.accepted, isCounted: true as const }
      const due = needsPrediction(waiting.event)
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
    const due = this.#accepted(waiting, example, found)
    setAside.remove(key)
    return due
  }

  /** Call it before records are admitted, where computing latents takes time. */
  lookAhead(stream: Pick<SourceMultiplexer, 'upcoming'>): void {
    if (this.#parts.latents.isImmediate) return
    const { wanted } = this.#prefetcher
    if (wanted > 0) this.#prefetcher.look(stream.upcoming(wanted))
  }

  /** A waiting event to retry after the events accepted so far; call it until there is none. */
  nextAgain(): WaitingEvent | undefined {
    const { waiting, progress } = this.#parts
    for (;;) {
      const next = this.#again.shift()
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

  /** Set aside with this very digest. */
  #isAside(key: ExampleKey, event: FeedbackEvent): boolean {
    const { setAside, dedupe } = this.#parts
    const what = setAside.get(key)?.what
    if (what === undefined) return false
    const digest = what.kind === 'event' ? signalDigest(what.event.event) : dedupe.digestOf(key)
    return digest === signalDigest(event)
  }

  /**
   * A different signal supersedes set-aside and waiting events in the same way as learned ones. The same signal may come
   * again where the event was never learned, or where the version gone back to has not learned it. After going back to a
   * version without a snapshot it stays a duplicate: that version, made elsewhere, may have learned this very event.
   */
  #look(event: FeedbackEvent): Seen {
    const { dedupe, waiting, setAside } = this.#parts
    const key = keyOf(event)
    const digest = signalDigest(event)
    const held = waiting.get(key)
    if (held !== undefined) return signalDigest(held.event) === digest ? 'same' : 'other'
    const seen = dedupe.see(key, digest)
    const was = setAside.get(key)?.was
    return seen === 'same' && was !== undefined && was !== 'undone' ? 'undone' : seen
  }

  /** Events set aside unread are parsed here, and nothing more. */
  #wasThereBefore(received: Received): boolean {
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

  #parse(received: Received): FeedbackEvent | undefined {
    const { refused } = received.record
    try {
      if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
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
    const served = await retry.run('looking up a served prediction', find, signal)
    return served === undefined ? this.#wait(waiting) : this.#learn(waiting, { served }, signal)
  }

  #learn(waiting: WaitingEvent, known: Known, signal: AbortSignal): Due | Promise<Due> {
    const example = this.#example(waiting, known)
    if (example === undefined) return false
    const joined = known.served === undefined ? waiting : { ...waiting, served: known.served }
    const replaced = this.#replaced(waiting, example)
    if (replaced.length > 0) return this.#learnInstead(joined, example, replaced, signal)
    const latents = this.#parts.latents.now(example)
    return latents === undefined
      ? this.#computed(joined, example, known, signal)
      : this.#accepted(joined, example, latents)
  }

  async #computed(
    waiting: Counted,
    example: Example,
    { prefetched }: Known,
    signal: AbortSignal,
  ): Promise<Due> {
    const { latents } = this.#parts
    try {
      const ahead = await prefetched?.latent
      const found = ahead ? latents.keep(example, ahead) : await latents.first(example, signal)
      return this.#accepted(waiting, example, found)
    } catch (error) {
      return this.#refused(waiting, error)
    }
  }

  /** The terms to subtract from the sums when this example is learned. */
  #replaced({ key, event }: WaitingEvent, { predictionId }: Example): readonly Example[] {
    const { learner, loop } = this.#parts
    const about = loop.task.supersedes(event.signal) ? predictionId : undefined
    return learner.unlearnable([...new Set([key, ...learner.about(about)])])
  }

  async #learnInstead(
    waiting: Counted,
    example: Example,
    replaced: readonly Example[],
    signal: AbortSignal,
  ): Promise<Due> {
    const { latents } = this.#parts
    try {
      const old = await latents.all(replaced, signal)
      latents.forget([example.key])
      const found = latents.now(example) ?? (await latents.first(example, signal))
      return this.#accepted(waiting, example, found, old)
    } catch (error) {
      return this.#refused(waiting, error)
    }
  }

  #accepted(waiting: Counted, example: Example, latents: LatentMap, old?: LatentMap): Due {
    try {
      return this.#accept(waiting, example, latents, old).verdict === 'update'
    } catch (error) {
      return this.#refused(waiting, error)
    }
  }

  /** Stopping, and defects of an engine, are no fault of the event. */
  #refused({ received, key }: Counted, error: unknown): false {
    if (!(error instanceof CodedError)) throw error
    this.#refusals.reject(received, error, key)
    return false
  }

  /**
   * A different signal under the same id, or about the same prediction: the newer one replaces the older ones, in past
   * states too.
   */
  #supersede(
    { key, received, event }: Counted,
    { predictionId }: Example,
    old: LatentMap | undefined,
  ): void {
    const { learner, heldOut, dedupe, waiting, setAside, onSupersede, loop, log } = this.#parts
    const about = event && loop.task.supersedes(event.signal) ? predictionId : undefined
    const isKnown = dedupe.digestOf(key) !== undefined
    const keys = [...(isKnown ? [key] : []), ...learner.about(about), ...heldOut.about(about)]
    const older = about === undefined ? keys : [...keys, ...log.about(about)]
    const waits = waiting.about(key, about).filter((held) => held.received !== received)
    for (const held of waits) this.#refusals.drop(held)
    const aside = about === undefined ? [] : setAside.about(key, about)
    for (const each of aside) setAside.remove(each)
    for (const each of [...older, ...waits.map((held) => held.key), ...aside])
      if (each !== key) log.supersede(each)
    const predictions = about === undefined ? [] : [about]
    if (keys.length > 0) onSupersede({ keys, predictions }, old)
  }

  #wait(waiting: WaitingEvent): Due {
    const { waiting: room, log } = this.#parts
    const held = room.get(waiting.key)
    if (held?.received === waiting.received) return false
    if (held !== undefined) this.#refusals.drop(held)
    const state = log.stateOf(waiting.key)
    // What was accepted under this id before stays what it is until this one is.
    if (state === undefined || isOpen(state))
      log.add({ key: waiting.key, state: eventStates.waiting })
    room.enter(waiting)
    // When the limit is reached, the oldest is dropped.
    this.#refusals.giveUp(room.expire(waiting.since))
    return false
  }

  #example(waiting: WaitingEvent, { served, prefetched }: Known): Example | undefined {
    const { key, event, received } = waiting
    try {
      const { predictionId, slice, timeMs = received.record.timeMs } = event
      return {
        key,
        source: event.source,
        id: event.id,
        encoded: prefetched?.encoded ?? this.#encoded(event.input ?? served?.input, event, served),
        target: this.#target(event, served),
        weight: event.weight,
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
        ...(slice !== undefined && { slice }),
      }
    } catch (error) {
      this.#refusals.reject(received, error, key)
      return undefined
    }
  }

  #encoded(
    input: Input | undefined,
    event: FeedbackEvent,
    served?: ServedPrediction,
  ): Example['encoded'] {
    const { encoding, task } = this.#parts.loop
    const { base, maxTokens, onCut } = encoding
    if (input === undefined) throw failure('EVENT_INVALID', 'neither input nor prediction_id')
    if (task.texts === undefined) return base.encode(input, maxTokens)
    const target = this.#target(event, served)
    const encoded = encodeExample({ input, target }, task, base, maxTokens)
    if (encoded.kind === 'tokens' && encoded.dropped !== undefined) onCut?.()
    return encoded
  }

  #target(event: FeedbackEvent, served: ServedPrediction | undefined): Example['target'] {
    const { loop, learner } = this.#parts
    return loop.task.target(event.signal, served?.answer, learner.head)
  }

  #accept(
    counted: Counted,
    said: Example,
    latents: LatentMap,
    old: LatentMap | undefined,
  ): Decision<'wait' | 'update'> {
    const { learner, heldOut, progress, dedupe, waiting, setAside, loop, onHoldOut } = this.#parts
    const { log, traces } = this.#parts
    const { isCounted, event, served } = counted
    learner.check(said)
    const example = this.#defended(counted, said, latents)
    if (example === undefined) return { verdict: 'wait', reason: 'kept back' }
    this.#supersede(counted, example, old)
    const isHeldOut = heldOut.takes(example)
    const decision = isHeldOut
      ? onHoldOut(example, latents)
      : learner.accept(example, latents, loop.clock.nowMs())
    waiting.leave(example.key)
    setAside.remove(example.key)
    const state = isHeldOut ? eventStates.held_out : eventStates.pending
    log.add({ key: example.key, example, state })
    dedupe.add(example.key, event ? signalDigest(event) : counted.digest)
    if (isCounted !== true) progress.count('accepted')
    if (served !== undefined) this.#judge(served, example)
    traces?.note(example.key, event?.traceparent ?? served?.traceparent)
    return decision
  }

  /** As it is learned; undefined: it is in quarantine, and what it would have replaced stays. A person has judged what is released. */
  #defended(counted: Counted, example: Example, latents: LatentMap): Example | undefined {
    const { defence, learner, waiting, dedupe, progress, loop } = this.#parts
    const { event, isCounted, received } = counted
    if (defence === undefined) return example
    const { timeMs } = received.record
    if (isCounted === true) {
      defence.taught(example.source, timeMs)
      return example
    }
    const score = () => learner.scoreOf(example, latents)
    const latent = latentOf(example.key, latents)
    const judgement = defence.judge({ example, latent, score, timeMs }, learner.head)
    if (judgement.verdict === 'learn') return { ...example, weight: judgement.weight }
    waiting.leave(example.key)
    keepBack(example, judgement.why, { ...this.#parts, task: loop.task })
    dedupe.add(example.key, event ? signalDigest(event) : counted.digest)
    progress.count('accepted')
    return undefined
  }

  /** However late it comes: the version that answered is known with the answer. One that was asked for by name is not counted. */
  #judge(prediction: ServedPrediction, example: Example): void {
    const { served, trials, loop } = this.#parts
    const { id, version, answer, pinned } = prediction
    const { target, source, slice, timeMs = Infinity } = example
    // Where the right answer was known before this one was given, it tests nothing.
    if (pinned === true || timeMs < prediction.timeMs) return
    const judge = (text: string) => loop.task.judge(text, target)
    if (!served.knows(id)) trials.judge(prediction, judge)
    const confused = loop.task.confused?.(answer, target)
    served.judge(id, version, judge(answer), {
      ...{ source, stratum: loop.task.stratum(target) },
      ...(slice !== undefined && { slice }),
      ...(confused && { confused }),
    })
  }
}
