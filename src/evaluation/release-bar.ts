/**
 * After a change of method or rank the old version keeps answering until the fresh adapter is no worse. If it was worse
 * on the held-out part of the replay buffer, its versions are held until it answers new events, each before learning
 * it, as well as the old adapter did.
 */
import type { Decision } from '../contracts/core.ts'
import type { Scores } from '../contracts/release.ts'

export interface ReleaseBar {
  /** Recent accuracy of the previous adapter. */
  readonly accuracy: number
  /** Events scored when the fresh adapter began. */
  readonly since: number
}

/** After fewer events the recent accuracy is still mostly that of the previous adapter. */
const FEWEST_EVENTS = 50

/** A difference within one standard error of an accuracy over this many examples counts as no worse. */
export function isWorse(accuracy: number, heldOut: number, before: number): boolean {
  const error = Math.sqrt((before * (1 - before)) / Math.max(1, heldOut))
  return accuracy < before - error
}

/** Undefined if the bar is reached. */
export function heldBy(
  bar: ReleaseBar,
  scores: Scores,
  name: string,
): Decision<'hold'> | undefined {
  const seen = scores.count - bar.since
  if (seen >= FEWEST_EVENTS && scores.accuracy_recent >= bar.accuracy) return undefined
  const now = `${name} ${scores.accuracy_recent.toFixed(3)} after ${seen} events`
  return {
    verdict: 'hold',
    reason: `held until it is no worse than the previous adapter: ${now}, ${bar.accuracy.toFixed(3)} before`,
  }
}
