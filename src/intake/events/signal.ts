/**
 * The signal of an event: exactly one of those that the task of its model learns from, such as a label, a completion or a
 * rating, or a retraction. A pair of answers is one signal of two keys.
 */
import type { FeedbackSignal } from '../../contracts/event.ts'
import type { PayloadLimits, SignalKind } from '../../contracts/payload.ts'
import { below, given, refuse, type JsonObject } from '../../payloads/reading.ts'
import { usualSignals } from '../../payloads/built-in.ts'
import { nearest } from '../../platform/nearest.ts'

export const CORRECTION = 'correction'
export const RETRACT = 'retract'

export interface SignalWords {
  /** All of them together say it; of a kind with `anyWord` one or more of them do. */
  readonly words: readonly string[]
  /** Absent: a retraction. */
  readonly kind?: SignalKind
}

interface Vocabulary {
  readonly ways: readonly SignalWords[]
  readonly words: readonly string[]
}

/** Of each list of signals, which a task has once: it is needed for each event. */
const vocabularies = new WeakMap<readonly SignalKind[], Vocabulary>()

function vocabularyOf(signals: readonly SignalKind[]): Vocabulary {
  const known = vocabularies.get(signals)
  if (known !== undefined) return known
  const ways = madeWays(signals)
  const made = { ways, words: ways.flatMap(({ words }) => words) }
  vocabularies.set(signals, made)
  return made
}

function madeWays(signals: readonly SignalKind[]): readonly SignalWords[] {
  const ways = (of: SignalKind['about']) =>
    signals.filter(({ about }) => about === of).map((kind) => ({ words: kind.words, kind }))
  const corrected = signals.find(({ isCorrection }) => isCorrection === true)
  return [
    ...ways('input'),
    ...(corrected === undefined ? [] : [{ words: [CORRECTION], kind: corrected }]),
    ...ways('answer'),
    { words: [RETRACT] },
  ]
}

/** The keys of each way to teach a model of these signals. */
export function waysOf(signals: readonly SignalKind[] = usualSignals): readonly SignalWords[] {
  return vocabularyOf(signals).ways
}

/** The keys of an event that may teach a model of these signals. */
export function wordsOf(signals: readonly SignalKind[] = usualSignals): readonly string[] {
  return vocabularyOf(signals).words
}

/** The kind of a signal among those that a task takes; undefined for a retraction. */
export function kindOf(
  signal: FeedbackSignal,
  signals: readonly SignalKind[],
): SignalKind | undefined {
  return signals.find(({ name }) => name === signal.kind)
}

export function readSignal(
  event: JsonObject,
  limits: PayloadLimits,
  pointer: string,
  signals: readonly SignalKind[] = usualSignals,
): FeedbackSignal {
  const { ways, words } = vocabularyOf(signals)
  // `retract: false` has no meaning.
  const isSaid = (word: string) => given(event, word) !== undefined && event[word] !== false
  const said = [
    ...words.filter(isSaid),
    ...wordsOf().filter((word) => !words.includes(word) && isSaid(word)),
  ]
  const [word, ...others] = said
  if (word === undefined) throw nothingSaid(event, limits, pointer, ways)
  const way = ways.find((each) => each.words.includes(word))
  const second = others.find((other) => way?.words.includes(other) !== true)
  if (second !== undefined) {
    throw refuse(
      'EVENT_INVALID',
      below(pointer, second),
      `not together with ${word}`,
      `keep one of ${said.join(', ')}`,
    )
  }
  const place = below(pointer, word)
  if (way === undefined) throw unsupported(word, place, words)
  const value = event[word] ?? null
  if (way.kind !== undefined)
    return way.words.length === 1
      ? way.kind.read(value, limits, place, word)
      : way.kind.read(event, limits, pointer, word)
  if (value !== true) throw refuse('EVENT_INVALID', place, 'true, or leave it out')
  return { kind: RETRACT }
}

function nothingSaid(
  event: JsonObject,
  limits: PayloadLimits,
  pointer: string,
  ways: readonly SignalWords[],
) {
  const empty = ways.find(({ words: [word = ''] }) => event[word] === null)
  const [word = ''] = empty?.words ?? []
  // What is missing has a better name where a kind has one.
  if (empty?.kind?.isCorrection === true) empty.kind.read(null, limits, below(pointer, word), word)
  const words = ways.flatMap((way) => way.words)
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
