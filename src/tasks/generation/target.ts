/** Turns a feedback signal into the texts that an example teaches. */
import { isOf, type Payload } from '../../contracts/payload.ts'
import { answers, type RewardedAnswer } from '../../payloads/signals/answers.ts'
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
  /** Which of several answers are better, and by how much. */
  | { readonly kind: 'answers'; readonly answers: readonly RewardedAnswer[] }
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
  if (isOf(signal, preference) || isOf(signal, answers)) return signal
  if (isOf(signal, completion)) {
    const { text, corrects } = signal
    return corrects !== true || served === undefined || served === '' || served === text
      ? { kind: 'completion', completion: text }
      : { kind: 'correction', completion: text, rejected: served, ...cut }
  }
  invariant(isOf(signal, rating), 'other signals were refused')
  if (served === undefined)
    throw failure('RATING_NEEDS_PREDICTION', 'the rating refers to an answer that was not served')
  // What is rated of an answer without text is its end.
  if (served === '' && wasCut)
    throw failure('EVENT_INVALID', 'the answer that was rated was cut before its first character')
  return { ...signal, completion: served, ...cut }
}

/** Refuses a signal that teaches nothing, whatever was served. */
export function checkTexts(signal: Payload): void {
  if (![completion, preference, answers, rating].some(({ name }) => name === signal.kind))
    throw failure('SIGNAL_UNSUPPORTED', `a generation learns nothing from a ${signal.kind}`, {
      fix: 'send a completion, chosen and rejected, answers with rewards, a correction or a rating',
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

/** A text of a target. */
export interface TargetText {
  readonly text: string
  /** It was cut: nothing ends it. */
  readonly isCut?: boolean
}

/** In the order of the sequences: the better one of two first. */
export function textsOf(target: TextTarget): readonly TargetText[] {
  switch (target.kind) {
    case 'preference':
      return [{ text: target.chosen }, { text: target.rejected }]
    case 'correction':
      return [{ text: target.completion }, { text: target.rejected, ...cutOf(target) }]
    case 'answers':
      return target.answers.map(({ text, finish_reason }) => ({
        ...{ text, isCut: finish_reason === 'length' },
      }))
    case 'rating':
      return [{ text: target.completion, ...cutOf(target) }]
    default:
      return [{ text: target.completion }]
  }
}

function cutOf({ isCut = false }: { readonly isCut?: boolean }): Pick<TargetText, 'isCut'> {
  return { isCut }
}

/** The answer that people would keep. */
export function bestOf(target: TextTarget): string {
  if (target.kind === 'preference') return target.chosen
  if (target.kind !== 'answers') return target.completion
  const [first, ...others] = target.answers
  invariant(first !== undefined, 'a target without answers')
  return others.reduce((best, each) => (each.reward > best.reward ? each : best), first).text
}

export function shownTexts(target: TextTarget) {
  const { kind: _kind, ...shown } = target
  if (!('isCut' in shown)) return shown
  const { isCut: _isCut, ...rest } = shown
  return rest
}
