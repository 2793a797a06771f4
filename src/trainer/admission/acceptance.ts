/**
 * The end of admission: an example with its latents goes to the learner, to the held-out rows, or into quarantine, and
 * replaces the older signals that it supersedes.
 */
import { isRetraction, type FeedbackEvent } from '../../contracts/event.ts'
import { kindOf } from '../../intake/events/signal.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import { CodedError, type Decision, type ExampleKey } from '../../contracts/core.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { Example } from '../../contracts/example.ts'
import { identityOf, signalDigest } from '../../intake/events/event-key.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { latentOf } from '../../learner/updates/rehearsal.ts'
import type { AdmissionParts, Due } from './parts.ts'
import { keepBack } from './quarantine.ts'
import type { Refusals } from './refusals.ts'
import type { Rewards } from './rewards.ts'

/** The source of the example, the place for its dead letter, and whether it was counted as accepted before. */
export type CountedEvent = Pick<WaitingEvent, 'key' | 'received' | 'isCounted'> & {
  /** The answer that it judges. */
  readonly served?: ServedPrediction
} & (
    | Pick<WaitingEvent, 'event'>
    | { readonly event?: undefined; readonly digest: number | undefined }
  )

export class Acceptance {
  readonly #parts: AdmissionParts
  readonly #refusals: Refusals
  readonly #rewards: Rewards

  constructor(parts: AdmissionParts, refusals: Refusals, rewards: Rewards) {
    this.#parts = parts
    this.#refusals = refusals
    this.#rewards = rewards
  }

  /** `old`: latents of the examples that this one replaces, where they are subtracted from sums. */
  accept(waiting: CountedEvent, example: Example, latents: LatentMap, old?: LatentMap): Due {
    try {
      return this.#accept(waiting, example, latents, old).verdict === 'update'
    } catch (error) {
      return this.refuse(waiting, error)
    }
  }

  /** Stopping, and defects of an engine, are no fault of the event. */
  refuse({ received, key }: CountedEvent, error: unknown): false {
    if (!(error instanceof CodedError)) throw error
    this.#refusals.reject(received, error, key)
    return false
  }

  /** The terms to subtract from the sums when this example is learned. */
  replaced({ key, event }: WaitingEvent, { predictionId }: Example): readonly Example[] {
    const { learner, log } = this.#parts
    const about = this.#isLesson(event) ? predictionId : undefined
    const said = about === undefined ? [] : [...learner.about(about), ...log.about(about)]
    const others = said.filter((each) => this.#reaches(key, each))
    return learner.unlearnable([...new Set([key, ...others])])
  }

  #accept(
    counted: CountedEvent,
    said: Example,
    latents: LatentMap,
    old: LatentMap | undefined,
  ): Decision<'wait' | 'update'> {
    const { learner, heldOut, progress, dedupe, waiting, setAside, loop, onHoldOut } = this.#parts
    const { log, traces } = this.#parts
    const { isCounted, event, served } = counted
    learner.check(said)
    const defended = this.#defended(counted, said, latents)
    if (defended === undefined) return { verdict: 'wait', reason: 'kept back' }
    const example = this.#weighed(counted, defended)
    this.#supersede(counted, example, old)
    const isHeldOut = heldOut.takes(example)
    const decision = isHeldOut
      ? onHoldOut(example, latents)
      : learner.accept(example, latents, loop.clock.nowMs())
    waiting.leave(example.key)
    setAside.remove(example.key)
    const state = isHeldOut ? eventStates.held_out : eventStates.pending
    log.add({ key: example.key, example, state, isAgain: isCounted === true })
    dedupe.add(example.key, event ? signalDigest(event) : counted.digest)
    if (event !== undefined) this.#rewards.settle(event)
    if (isCounted !== true) progress.count('accepted')
    if (served !== undefined) this.#judge(this.#judged(served, event), example, saidMs(counted))
    traces?.note(example.key, event?.traceparent ?? served?.traceparent)
    return decision
  }

  #reaches(from: ExampleKey, to: ExampleKey): boolean {
    const { reaches } = this.#parts.loop.intake
    return reaches?.(identityOf(from).source, identityOf(to).source) !== false
  }

  /**
   * The example as it is learned; undefined if it goes into quarantine, and then the example that it would have
   * replaced stays. A released example was judged by a person.
   */
  #defended(counted: CountedEvent, example: Example, latents: LatentMap): Example | undefined {
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

  /** An opinion counts by how its rater usually judges. */
  #weighed({ isCounted }: CountedEvent, example: Example): Example {
    const { loop, raters, dedupe } = this.#parts
    const { key, source, target, weight } = example
    const verdict = loop.task.texts?.verdict(target)
    if (verdict === undefined) return example
    const replaces = isCounted !== true && dedupe.digestOf(key) !== undefined
    return { ...example, weight: weight * raters.weigh(source, verdict, { replaces }) }
  }

  /** Each item of a ranking is an answer of its own. */
  #judged(prediction: ServedPrediction, event: FeedbackEvent | undefined): ServedPrediction {
    const { choices } = this.#parts.loop.task
    if (choices === undefined || event === undefined || isRetraction(event.signal))
      return prediction
    return { ...prediction, id: `${prediction.id}/${choices.itemOf(event.signal)}` }
  }

  /** However late it comes: the version that answered is known with the answer. One that was asked for by name is not counted. */
  #judge(prediction: ServedPrediction, example: Example, stated: number): void {
    const { served, trials, loop } = this.#parts
    const { id, version, answer, pinned } = prediction
    const { target, source, slice } = example
    // Where the right answer was known before this one was given, it tests nothing.
    if (pinned === true || stated < prediction.timeMs) return
    const judge = (text: string) => loop.task.judge(text, target)
    if (!served.knows(id)) trials.judge(prediction, judge)
    const confused = loop.task.confused?.(answer, target)
    served.judge(id, version, judge(answer), {
      ...{ source, strata: loop.task.strata(target) },
      ...(slice !== undefined && { slice }),
      ...(confused && { confused }),
    })
  }

  /** It says what is right, and so replaces earlier feedback on the same answer. */
  #isLesson({ signal }: FeedbackEvent): boolean {
    return kindOf(signal, this.#parts.loop.task.view.signals)?.about === 'input'
  }

  /**
   * A different signal under the same id, or about the same prediction: the newer one replaces the older ones, in past
   * states too.
   */
  #supersede(
    { key, received, event }: CountedEvent,
    { predictionId }: Example,
    old: LatentMap | undefined,
  ): void {
    const { learner, heldOut, dedupe, waiting, setAside, onSupersede, log } = this.#parts
    const about = event && this.#isLesson(event) ? predictionId : undefined
    const isKnown = dedupe.digestOf(key) !== undefined
    const isReached = (each: ExampleKey) => this.#reaches(key, each)
    const said = [...learner.about(about), ...heldOut.about(about)]
    const keys = [...(isKnown ? [key] : []), ...said.filter(isReached)]
    const logged = about === undefined ? [] : log.about(about)
    const older = [...keys, ...logged.filter(isReached)]
    const isWhole = logged.every(isReached)
    const predictions = about === undefined || !isWhole ? [] : [about]
    // While the log still says that the sums have learned them.
    if (older.length > 0) onSupersede({ keys: older, predictions }, old)
    const waits = waiting
      .about(key, about)
      .filter((held) => held.received !== received && isReached(held.key))
    for (const held of waits) this.#refusals.drop(held)
    const aside = about === undefined ? [] : setAside.about(key, about).filter(isReached)
    for (const each of aside) setAside.remove(each)
    for (const each of [...older, ...waits.map((held) => held.key), ...aside])
      // A newer lesson that a rollback set aside is not about it.
      if (each !== key && setAside.get(each) === undefined) log.supersede(each)
  }
}

/**
 * The time that the event itself states. The time of its record says nothing here: the record names the prediction, so it
 * came later, even where the clock of the machine that took it is behind.
 */
function saidMs({ event, received: { record } }: CountedEvent): number {
  const timeMs = event?.timeMs
  return timeMs === undefined || timeMs === record.timeMs ? Infinity : timeMs
}
