/**
 * From a signal to a target: what it says of the positions of a row.
 *
 *   spans          all   every position has its tag; outside of the spans it is O
 *   rating 1       all   the spans of the answer
 *   add_spans      some  the positions of these spans have their tags; spans of the answer that they overlap are wrong
 *   remove_spans   some  these spans of the answer are wrong
 *   rating -1      wrong something of the answer is: not all of its tags are right
 *
 * Of a partial correction the positions that it does not name teach nothing: a person who corrects one span may not have looked
 * at the others.
 */
import { isOf, type Payload } from '../../contracts/payload.ts'
import type { Json } from '../../contracts/core.ts'
import { rating } from '../../payloads/signals/rating.ts'
import {
  addSpans,
  placeOf,
  removeSpans,
  spans,
  type NamedSpan,
  type SaidSpan,
} from '../../payloads/signals/spans.ts'
import { failure } from '../../platform/errors.ts'
import { placesOf, type Place, type PlacedText } from './places.ts'

/** A type, so that it is JSON. `from` and `to` are its positions; absent until its row is known. */
export type TargetSpan = SaidSpan & Readonly<Partial<Pick<Place, 'from' | 'to' | 'isWide'>>>

export type SpanTarget = Readonly<{
  kind: 'all' | 'some' | 'wrong'
  /** Right spans; of `wrong` those that were answered. */
  spans: readonly TargetSpan[]
  /** Spans of the answer that are wrong. */
  not?: readonly TargetSpan[]
  /** Positions of the row. */
  positions?: number
}>

/** Throws a coded error for a signal that the task does not take. `named`: a label as the head spells it, or a coded error. */
export function targetOf(
  signal: Payload,
  served: string | undefined,
  named: (label: string) => string,
): SpanTarget {
  const spelled = (list: readonly SaidSpan[]) =>
    list.map((span) => ({ ...span, label: named(span.label) }))
  if (isOf(signal, spans)) return { kind: 'all', spans: spelled(signal.spans) }
  if (isOf(signal, addSpans)) {
    const right = spelled(signal.add_spans)
    const not = answered(served).filter((each) => right.some((span) => overlaps(each, span)))
    // The same span once more is no correction of it.
    const wrong = not.filter((each) => !right.some((span) => isSame(each, span)))
    return { kind: 'some', spans: right, ...(wrong.length > 0 && { not: wrong }) }
  }
  if (isOf(signal, removeSpans)) {
    const all = answered(served)
    return { kind: 'some', spans: [], not: signal.remove_spans.map((span) => meant(span, all)) }
  }
  if (isOf(signal, rating)) {
    const all = answered(served)
    return { kind: signal.rating === 1 ? 'all' : 'wrong', spans: all }
  }
  throw failure('SIGNAL_UNSUPPORTED', `this task learns spans, not a ${signal.kind}`)
}

/** The spans that a signal names, before any text is known. */
export function spansNamed(signal: Payload): readonly NamedSpan[] {
  if (isOf(signal, spans)) return signal.spans
  if (isOf(signal, addSpans)) return signal.add_spans
  return isOf(signal, removeSpans) ? signal.remove_spans : []
}

/** On the positions of its row. */
export function placedTarget(target: SpanTarget, placed: PlacedText): SpanTarget {
  const on = (list: readonly TargetSpan[]) => {
    const labels = list.map(({ label }) => label)
    return placesOf(list, placed).map((place, at): TargetSpan => ({
      ...place,
      label: labels[at] ?? '',
    }))
  }
  const { kind, not } = target
  const right = on(target.spans)
  const wrong =
    not && on(not).filter((each) => kind !== 'some' || !right.some((span) => shares(each, span)))
  return {
    ...{ kind, spans: right, positions: placed.offsets.length / 2 },
    ...(wrong && { not: wrong }),
  }
}

/** An answer as it is stored: JSON, and nothing of one that could not answer. */
export function servedSpans(text: string): readonly SaidSpan[] | undefined {
  return text === '' ? undefined : (JSON.parse(text) as readonly SaidSpan[])
}

export function servedText(answer: readonly SaidSpan[]): string {
  const list: Json = answer.map(({ start, end, label }) => ({ start, end, label }))
  return JSON.stringify(list)
}

function answered(served: string | undefined): readonly SaidSpan[] {
  const all = served === undefined ? undefined : servedSpans(served)
  if (all !== undefined) return all
  throw failure('RATING_NEEDS_PREDICTION', 'the feedback refers to an answer that was not served')
}

function meant(span: NamedSpan, all: readonly SaidSpan[]): SaidSpan {
  const found = all.find((each) => each.start === span.start && each.end === span.end)
  if (found !== undefined && (span.label === undefined || span.label === found.label)) return found
  const had = all
    .map((each) => `${placeOf(each)} ${each.label}`)
    .slice(0, 10)
    .join(', ')
  const what = `${placeOf(span)}${span.label === undefined ? '' : ` ${span.label}`}`
  throw failure('SPANS_OUTSIDE', `the answer has no span ${what}; it has ${had || 'none'}`, {
    details: { start: span.start, end: span.end },
  })
}

export function isSame(one: SaidSpan, other: SaidSpan): boolean {
  return one.start === other.start && one.end === other.end && one.label === other.label
}

export function overlaps(one: SaidSpan, other: SaidSpan): boolean {
  return one.start < other.end && other.start < one.end
}

function shares(one: TargetSpan, other: TargetSpan): boolean {
  return (one.from ?? 0) < (other.to ?? 0) && (other.from ?? 0) < (one.to ?? 0)
}
