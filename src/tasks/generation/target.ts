/** Turns a feedback signal into the texts that an example teaches. */
import { isOf, type Payload } from '../../contracts/payload.ts'
import { completion } from '../../payloads/signals/completion.ts'
import { preference } from '../../payloads/signals/preference.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { isVisible } from '../../platform/visible-text.ts'

export type TextTarget =
  | { readonly kind: 'completion'; readonly completion: string }
  /** The completion, and that it is better than the answer that was served. */
  | {
      readonly kind: 'correction'
      readonly completion: string
      readonly rejected: string
      /** The rejected answer has no end: it was cut. */
      readonly isCut?: true
    }
  | { readonly kind: 'preference'; readonly chosen: string; readonly rejected: string }
  /** `completion` is the answer that was served. */
  | {
      readonly kind: 'rating'
      readonly rating: 1 | -1
      readonly completion: string
      readonly isCut?: true
    }
  /** Of no event: its tokens stay as likely as the base has them. */
  | { readonly kind: 'general'; readonly completion: string }

/** `wasCut`: the answer that was served has no end, and none is learned of it. */
export function targetOf(signal: Payload, served: string | undefined, wasCut = false): TextTarget {
  checkTexts(signal)
  const cut = wasCut ? ({ isCut: true } as const) : {}
  if (isOf(signal, preference)) return signal
  if (isOf(signal, completion)) {
    const { text, corrects } = signal
    return corrects !== true || served === undefined || served === '' || served === text
      ? { kind: 'completion', completion: text }
      : { kind: 'correction', completion: text, rejected: served, ...cut }
  }
  invariant(isOf(signal, rating), 'other signals were refused')
  if (served === undefined || served === '')
    throw failure('RATING_NEEDS_PREDICTION', 'the rating refers to an answer that was not served')
  return { ...signal, completion: served, ...cut }
}

export function unfinishedOf(target: TextTarget): string | undefined {
  if (target.kind === 'correction' && target.isCut) return target.rejected
  return target.kind === 'rating' && target.isCut ? target.completion : undefined
}

/** Refuses a signal that teaches nothing, whatever was served. */
export function checkTexts(signal: Payload): void {
  if (![completion, preference, rating].some(({ name }) => name === signal.kind))
    throw failure('SIGNAL_UNSUPPORTED', `a generation learns nothing from a ${signal.kind}`, {
      fix: 'send a completion, chosen and rejected, a correction or a rating',
    })
  if (isOf(signal, completion) && !isVisible(signal.text))
    throw failure('EVENT_INVALID', 'the completion has no visible character')
  if (!isOf(signal, preference)) return
  for (const side of ['chosen', 'rejected'] as const)
    if (!isVisible(signal[side]))
      throw failure('EVENT_INVALID', `the ${side} answer has no visible character`)
  if (signal.chosen === signal.rejected)
    throw failure('EVENT_INVALID', 'chosen and rejected are the same text')
}

/** In the order of the sequences: the better one first. */
export function textsOf(target: TextTarget): readonly string[] {
  if (target.kind === 'preference') return [target.chosen, target.rejected]
  return target.kind === 'correction' ? [target.completion, target.rejected] : [target.completion]
}

export function shownTexts(target: TextTarget) {
  const { kind: _kind, ...shown } = target
  if (!('isCut' in shown)) return shown
  const { isCut: _isCut, ...rest } = shown
  return rest
}
