/**
 * The signal of an event: exactly one of those that the task of its model learns from, such as a label, a completion or a
 * rating, or a retraction. A pair of answers is one signal of two keys.
 */
import type { Json } from '../../contracts/core.ts'
import type { FeedbackSignal } from '../../contracts/event.ts'
import { labelForm } from '../../tasks/classification/label-form.ts'
import type { Limits } from '../../platform/limits.ts'
import { given, hasUnprintable, isLonger, type JsonObject } from './fields.ts'
import { nearest } from '../../platform/nearest.ts'
import { isReordered, isVisible, wellFormed } from '../../platform/visible-text.ts'
import { below, refuse } from './refuse.ts'

export type SignalKind = Exclude<FeedbackSignal['kind'], 'retract'>
export type SignalLimits = Pick<Limits, 'label_characters' | 'feature_magnitude'> & TextLimits

/** The kinds of feedback that a model learns from, unless its task says otherwise. */
const USUAL: readonly SignalKind[] = ['label', 'rating']

const PAIR = ['chosen', 'rejected'] as const

/** The keys of each way to teach a model of these signals. */
export function waysOf(signals: readonly SignalKind[] = USUAL): readonly (readonly string[])[] {
  const own = signals.filter((kind) => kind !== 'rating')
  return [
    ...own.map((kind) => (kind === 'preference' ? PAIR : [kind])),
    ['correction'],
    ...(signals.includes('rating') ? [['rating']] : []),
    ['retract'],
  ]
}

/** The keys of an event that may teach a model of these signals. */
export function wordsOf(signals: readonly SignalKind[] = USUAL): readonly string[] {
  return waysOf(signals).flat()
}

export function readSignal(
  event: JsonObject,
  limits: SignalLimits,
  pointer: string,
  signals: readonly SignalKind[] = USUAL,
): FeedbackSignal {
  const words = wordsOf(signals)
  // `retract: false` has no meaning.
  const said = [...new Set([...words, ...wordsOf()])].filter(
    (word) => given(event, word) !== undefined && event[word] !== false,
  )
  const [word, ...others] = said
  if (word === undefined) throw nothingSaid(event, pointer, words)
  const second = others.find((other) => !(word === PAIR[0] && other === PAIR[1]))
  if (second !== undefined) {
    throw refuse(
      'EVENT_INVALID',
      below(pointer, second),
      `not together with ${word}`,
      `keep one of ${said.join(', ')}`,
    )
  }
  const place = below(pointer, word)
  if (!words.includes(word)) throw unsupported(word, place, words)
  const value = event[word]
  if (word === 'rating') return { kind: 'rating', rating: readRating(value, place) }
  if (word === 'retract') {
    if (value !== true) throw refuse('EVENT_INVALID', place, 'true, or leave it out')
    return { kind: 'retract' }
  }
  if (word === PAIR[0] || word === PAIR[1]) return readPair(event, limits, pointer)
  if (signals.includes('completion')) {
    const text = readCompletion(value, limits, place)
    return { kind: 'completion', text, ...(word === 'correction' && { corrects: true }) }
  }
  return signals.includes('value')
    ? { kind: 'value', value: readNumber(value, limits, place) }
    : { kind: 'label', label: readLabel(value, limits, place) }
}

/** An unlabelled row of a data set often has its label key with null. */
function nothingSaid(event: JsonObject, pointer: string, words: readonly string[]) {
  const empty = words.find((word) => event[word] === null)
  if (words.includes('label') && (empty === 'label' || empty === 'correction')) {
    return refuse('LABEL_INVALID', below(pointer, empty), 'null is not a label')
  }
  return refuse(
    'EVENT_INVALID',
    pointer,
    `it has none of ${words.join(', ')}${misspelt(event, words)}`,
  )
}

/** Keys beyond these are not compared. */
const COMPARED = { keys: 32, characters: 32 }

function misspelt(event: JsonObject, words: readonly string[]): string {
  for (const key of Object.keys(event).slice(0, COMPARED.keys)) {
    const near = key.length > COMPARED.characters ? undefined : nearest(key, words)
    // Misspelt words begin right; `annotation` of another product's event is no `correction`.
    if (near !== undefined && near !== key && key.toLowerCase().startsWith(near.slice(0, 1)))
      return `; it has "${key}": did you mean "${near}"?`
  }
  return ''
}

function unsupported(word: string, place: string, words: readonly string[]) {
  const why = `the task of this model learns nothing from a ${word}`
  return refuse('SIGNAL_UNSUPPORTED', place, why, `send one of ${words.join(', ')}`)
}

function readNumber(
  value: Json | undefined,
  { feature_magnitude: most }: SignalLimits,
  pointer: string,
): number {
  if (typeof value !== 'number') throw refuse('VALUE_INVALID', pointer, 'a value is a number')
  if (Math.abs(value) > most) throw refuse('VALUE_INVALID', pointer, `at most ${most} in magnitude`)
  return value
}

function readRating(value: Json | undefined, pointer: string): 1 | -1 {
  if (value === 1 || value === -1) return value
  throw refuse('EVENT_INVALID', pointer, '1 or -1', 'set rating to 1 (right) or to -1 (wrong)')
}

function readLabel(
  value: Json | undefined,
  limits: Pick<Limits, 'label_characters'>,
  pointer: string,
): string {
  if (typeof value !== 'string') throw refuse('LABEL_INVALID', pointer, 'a label is a string')
  const label = labelForm(value)
  if (label === '') throw refuse('LABEL_INVALID', pointer, 'a label is not blank')
  if (isLonger(label, limits.label_characters)) {
    throw refuse('LABEL_INVALID', pointer, `at most ${limits.label_characters} characters`)
  }
  if (hasUnprintable(label) || isReordered(label))
    throw refuse('LABEL_INVALID', pointer, 'printable characters only')
  return label
}

/** Answers that an event gives as texts: a completion, or a better and a worse one. Each may be as long as an input. */
type TextLimits = Pick<Limits, 'text_characters'>

function readCompletion(
  value: Json | undefined,
  { text_characters: most }: TextLimits,
  pointer: string,
): string {
  if (typeof value !== 'string')
    throw refuse('COMPLETION_INVALID', pointer, 'an answer is a string')
  if (isLonger(value, most))
    throw refuse('COMPLETION_INVALID', pointer, `more than ${most} characters`)
  if (!isVisible(value)) throw refuse('COMPLETION_INVALID', pointer, 'nothing visible')
  return wellFormed(value)
}

function readPair(
  event: JsonObject,
  limits: TextLimits,
  pointer: string,
): Extract<FeedbackSignal, { kind: 'preference' }> {
  const side = (name: 'chosen' | 'rejected', other: string) => {
    const value = given(event, name)
    const place = below(pointer, name)
    if (value === undefined) throw refuse('PREFERENCE_INVALID', place, `${other} is there alone`)
    return readCompletion(value, limits, place)
  }
  const [chosen, rejected] = [side('chosen', 'rejected'), side('rejected', 'chosen')]
  if (chosen !== rejected) return { kind: 'preference', chosen, rejected }
  throw refuse('PREFERENCE_INVALID', below(pointer, 'rejected'), 'the same text as chosen')
}
