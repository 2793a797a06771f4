/** What outputs answer, and how right that is: spans match if both ends and the label are the same. */
import type { Score } from '../../contracts/example.ts'
import type { SaidSpan } from '../../payloads/signals/spans.ts'
import { bestSpans, columnsOf, type ScoredSpan } from './bioes.ts'
import { rowLoss, type TaggedLabels } from './loss.ts'
import { Characters, pieceAt, type PlacedText } from './places.ts'
import { isSame, overlaps, type SpanTarget, type TargetSpan } from './target.ts'

// A type, not an interface, so that it is JSON.
// An alias, because only that is assignable to Json.
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
export type AnsweredSpan = {
  readonly start: number
  readonly end: number
  readonly label: string
  readonly score: number
  readonly text: string
}

// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
export type Answer = {
  readonly spans: readonly AnsweredSpan[]
  /** There is no label that it could answer. */
  readonly isSilent?: true
}

/** An answer on the positions of its row, as scores and quality compare it. */
export type PositionSpan = Readonly<{ from: number; to: number; label: string }>

export function decode(
  outputs: Float32Array,
  known: TaggedLabels,
  placed: PlacedText | undefined,
): Answer {
  const answering = answeringOf(known)
  if (answering.length === 0) return { spans: [], isSilent: true }
  if (placed === undefined) return { spans: [] }
  const characters = new Characters(placed.text)
  const found = bestSpans(outputs, known.labels.length, answering)
  return {
    spans: found.flatMap((span): readonly AnsweredSpan[] => {
      const piece = pieceAt(span, placed, characters)
      if (piece === undefined) return []
      const { start, end, text } = piece
      return [{ start, end, label: known.labels[span.label] ?? '', score: span.score, text }]
    }),
  }
}

function answeringOf({ labels, retired }: TaggedLabels): readonly number[] {
  const all = [...labels.keys()]
  return retired.length === 0 ? all : all.filter((at) => !retired.includes(labels[at] ?? ''))
}

export function scoreOf(outputs: Float32Array, target: SpanTarget, all: TaggedLabels): Score {
  const known = { ...all, labels: labelsOf(outputs, target, all.labels) }
  const found = bestSpans(outputs, known.labels.length, answeringOf(known))
  const answer = found.map((span) => named(span, known.labels))
  const loss = rowLoss({ target, outputs, share: 1 }, known, new Float32Array(outputs.length))
  const score = { answer, error: errorOf(answer, target), loss }
  return isBlank(outputs) ? { ...score, isBlank: true } : score
}

/** The outputs may be from before the last labels came. */
function labelsOf(
  outputs: Float32Array,
  { positions = 0 }: SpanTarget,
  labels: readonly string[],
): readonly string[] {
  if (positions === 0 || outputs.length === positions * columnsOf(labels.length)) return labels
  return labels.slice(0, Math.max(0, Math.floor((outputs.length / positions - 1) / 4)))
}

/** All of them are equal, as those of a head that starts at zero. */
function isBlank(outputs: Float32Array): boolean {
  return outputs.every((logit) => logit === outputs[0])
}

function named({ from, to, label }: ScoredSpan, labels: readonly string[]): PositionSpan {
  return { from, to, label: labels[label] ?? '' }
}

/** Of all spans 1 − F1; of a partial correction the share of what it names that is answered otherwise. */
function errorOf(answer: readonly PositionSpan[], { kind, spans, not = [] }: SpanTarget): number {
  const right = spans.filter((span) => answer.some((each) => isHit(each, span))).length
  if (kind === 'all') return 1 - f1Of(right, answer.length, spans.length)
  if (kind === 'wrong') return Number(right === spans.length && answer.length === spans.length)
  const wrong = not.filter((span) => answer.some((each) => isHit(each, span))).length
  return (spans.length - right + wrong) / Math.max(1, spans.length + not.length)
}

export function isHit(answer: PositionSpan, { from, to, label, isWide }: TargetSpan): boolean {
  return isWide !== true && answer.from === from && answer.to === to && answer.label === label
}

/** 1 where there is nothing to find and nothing was found. */
export function f1Of(right: number, answered: number, said: number): number {
  return answered + said === 0 ? 1 : (2 * right) / (answered + said)
}

/**
 * The error of a served answer. Of a partial correction the spans that it does not name count as right: nothing else is known
 * of them.
 */
export function judged(served: readonly SaidSpan[], target: SpanTarget): number {
  const { kind, spans, not = [] } = target
  const hits = spans.filter(
    (span) => span.isWide !== true && served.some((each) => isSame(each, span)),
  ).length
  if (kind === 'all') return 1 - f1Of(hits, served.length, spans.length)
  if (kind === 'wrong') return Number(served.length === spans.length && hits === spans.length)
  const missing = spans.length - hits
  const wrong = served.filter(
    (each) =>
      not.some((span) => isSame(each, span)) ||
      spans.some((span) => overlaps(each, span) && !isSame(each, span)),
  ).length
  return 1 - f1Of(served.length - wrong, served.length, served.length - wrong + missing)
}
