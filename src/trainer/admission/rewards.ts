/**
 * Rewards of shown items: each item of an answer is rewarded once. One that was shown waits for its reward as long as the window of
 * the task; what comes later finds that it has earned nothing.
 */
import { hash } from 'node:crypto'
import type { ExampleKey } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent, type ServedPrediction } from '../../contracts/event.ts'
import { FORGOTTEN, keyOf } from '../../intake/events/event-key.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import type { AdmissionParts } from './parts.ts'
import type { Refusals } from './refusals.ts'

type RewardParts = Pick<AdmissionParts, 'loop' | 'dedupe' | 'waiting' | 'log'>

/** No source of an event has this name: a name of one is printable. */
const SHOWN_ITEMS = '\u0001'

export class Rewards {
  readonly #parts: RewardParts
  readonly #refusals: Refusals

  constructor(parts: RewardParts, refusals: Refusals) {
    this.#parts = parts
    this.#refusals = refusals
  }

  /** It waits for the reward of its item. */
  holds({ signal }: FeedbackEvent): boolean {
    const { choices } = this.#parts.loop.task
    return choices !== undefined && !isRetraction(signal) && choices.isShown(signal)
  }

  /** Another event has said what the item has earned. */
  isSettled(event: FeedbackEvent): boolean {
    return this.#ownerOf(event) === 'other'
  }

  /** Throws `REWARD_LATE` and `REWARD_REPEATED`. */
  check({ event, received }: WaitingEvent, served: ServedPrediction | undefined): void {
    const { loop, waiting, dedupe } = this.#parts
    const { choices } = loop.task
    if (choices === undefined || isRetraction(event.signal)) return
    const item = JSON.stringify(choices.itemOf(event.signal))
    const { timeMs = waiting.newestMs } = received.record
    const lateMs = served === undefined ? 0 : timeMs - served.timeMs - choices.windowMs
    const isLate = choices.windowMs > 0 && lateMs > 0 && !this.holds(event)
    const isSettled = this.isSettled(event)
    const isOver = isSettled && dedupe.digestOf(itemKey(event, item)) === WITHOUT_REWARD
    if (isLate || isOver)
      throw failure('REWARD_LATE', `${item} was rewarded after the window of its answer`)
    if (isSettled)
      throw failure('REWARD_REPEATED', `${item} of this answer was rewarded by another event`)
  }

  /** The item has its reward, or none: nothing waits for it any more. */
  settle(event: FeedbackEvent): void {
    const { loop, dedupe, waiting, log } = this.#parts
    const { choices } = loop.task
    const { signal, predictionId } = event
    if (choices === undefined || predictionId === undefined || isRetraction(signal)) return
    const item = choices.itemOf(signal)
    dedupe.add(itemKey(event, JSON.stringify(item)), this.#digestOf(event))
    for (const held of waiting.about(keyOf(event), predictionId)) {
      const other = held.event.signal
      if (isRetraction(other) || !choices.isShown(other) || choices.itemOf(other) !== item) continue
      this.#refusals.drop(held)
      log.supersede(held.key)
    }
  }

  #ownerOf(event: FeedbackEvent): string {
    const { loop, dedupe } = this.#parts
    if (loop.task.choices === undefined || isRetraction(event.signal)) return 'new'
    const item = JSON.stringify(loop.task.choices.itemOf(event.signal))
    return dedupe.see(itemKey(event, item), this.#digestOf(event))
  }

  #digestOf(event: FeedbackEvent): number {
    if (this.holds(event)) return WITHOUT_REWARD
    return Math.max(
      Number.parseInt(hash('sha256', keyOf(event)).slice(0, 8), 16),
      WITHOUT_REWARD + 1,
    )
  }
}

/** In place of the event that rewarded the item. */
const WITHOUT_REWARD = FORGOTTEN + 1

function itemKey({ predictionId = '' }: FeedbackEvent, item: string): ExampleKey {
  return keyOf({ source: SHOWN_ITEMS, id: `${predictionId}\0${item}` })
}
