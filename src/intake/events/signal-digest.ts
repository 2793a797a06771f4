/**
 * The content of a signal as a four-byte digest, to distinguish a repeated signal from a different one under the same
 * id. One in 2³² pairs of different signals is mistaken for a duplicate.
 */
import { hash } from 'node:crypto'
import type { FeedbackEvent, FeedbackSignal, Input } from '../../contracts/event.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'

/** For an id accepted before digests were stored: any signal counts as the same. */
export const UNKNOWN_SIGNAL = 0
/** For a retracted id: nothing is learned under it. */
export const RETRACTED = 1
/** For an id that was forgotten on request: it never comes back, and nothing but its hash is left. */
export const FORGOTTEN = 3
/** For an id that was accepted and then refused: it may come again. */
export const LET_AGAIN = 2

export function signalDigest({
  signal,
  weight,
  input,
  predictionId = '',
}: Pick<FeedbackEvent, 'signal' | 'weight' | 'input' | 'predictionId'>): number {
  const text = [signal.kind, said(signal), weight, predictionId, inputText(input)].join('\0')
  const digest = Number.parseInt(hash('sha256', text).slice(0, 8), 16)
  return Math.max(digest, FORGOTTEN + 1)
}

function said(signal: FeedbackSignal): string | number | false {
  if (signal.kind === 'completion') return canonicalJson([signal.text, signal.corrects ?? false])
  if (signal.kind === 'preference') return canonicalJson([signal.chosen, signal.rejected])
  if (signal.kind === 'label') return signal.label
  if (signal.kind === 'value') return signal.value
  return signal.kind === 'rating' && signal.rating
}

/** Array.isArray does not narrow a readonly array. */
function isList(features: object): features is readonly number[] {
  return Array.isArray(features)
}

function inputText(input: Input | undefined): string {
  if (input === undefined) return ''
  if (input.kind === 'text') return input.text
  if (input.kind === 'messages') return JSON.stringify(input.messages)
  const { features } = input
  return isList(features) ? features.join() : canonicalJson(features)
}
