/**
 * Labelled spans as one tag for each position, and back: O outside, S a span of one position, B I … I E a longer one.
 *
 *   columns of the head: O, B₁ I₁ E₁ S₁, B₂ I₂ E₂ S₂, …      labels in the order of their arrival
 *
 * So a new label adds columns at the end, and those before it keep their meaning. Tags are decoded by the best path that
 * spans can have: I and E only behind a B or I of the same label, and no span that does not end (Viterbi 1967).
 *
 * Ratinov & Roth (2009), "Design challenges and misconceptions in named entity recognition", CoNLL.
 */
import { logSumExp } from '../../nn/softmax.ts'

export const OUTSIDE = 0

/** Places of a label's columns behind its first one. */
const [BEGIN, INSIDE, END, SINGLE] = [0, 1, 2, 3]
const TAGS = 4

/** Positions [from, to) with the number of their label. */
export interface TokenSpan {
  readonly from: number
  readonly to: number
  readonly label: number
}

export interface ScoredSpan extends TokenSpan {
  /** The geometric mean of the probabilities of its tags. */
  readonly score: number
}

export function columnsOf(labels: number): number {
  return 1 + TAGS * labels
}

/** The first column of each label, and behind it three more. */
export function firstColumn(label: number): number {
  return 1 + TAGS * label
}

/** The number of the label that a column is of; −1: it is O. */
export function labelOf(column: number): number {
  return column === OUTSIDE ? -1 : Math.floor((column - 1) / TAGS)
}

/** `O`, `B-Disease`, …: the name of each column. */
export function tagNames(labels: readonly string[]): readonly string[] {
  return ['O', ...labels.flatMap((label) => ['B', 'I', 'E', 'S'].map((tag) => `${tag}-${label}`))]
}

/** The column of a position inside a span. */
export function tagAt({ from, to, label }: TokenSpan, position: number): number {
  const first = firstColumn(label)
  if (to - from === 1) return first + SINGLE
  if (position === from) return first + BEGIN
  return first + (position === to - 1 ? END : INSIDE)
}

/** One column for each position. Spans do not overlap. */
export function tagsOf(spans: readonly TokenSpan[], positions: number): Int32Array {
  const tags = new Int32Array(positions)
  for (const span of spans)
    for (let at = span.from; at < span.to; at += 1) tags[at] = tagAt(span, at)
  return tags
}

/**
 * The spans of the best path through outputs [positions, columns]. `answering`: the numbers of the labels that may answer.
 * The outputs of a position are compared with each other alone, so they need not be normalised.
 */
export function bestSpans(
  outputs: Float32Array,
  labels: number,
  answering: readonly number[] = Array.from({ length: labels }, (_, label) => label),
): readonly ScoredSpan[] {
  const columns = columnsOf(labels)
  const positions = Math.floor(outputs.length / columns)
  const path = bestPath(outputs, positions, labels, answering)
  return spansIn(path).map((span) => ({ ...span, score: scoreOf(span, outputs, columns) }))
}

/** The spans of a path that keeps the rules. */
function spansIn(path: Int32Array): readonly TokenSpan[] {
  const spans: TokenSpan[] = []
  let from = 0
  for (const [at, tag] of path.entries()) {
    const place = tag === OUTSIDE ? -1 : (tag - 1) % TAGS
    if (place === BEGIN || place === SINGLE) from = at
    if (place === END || place === SINGLE) spans.push({ from, to: at + 1, label: labelOf(tag) })
  }
  return spans
}

/**
 * Between two spans a path is closed; inside one it is open with its label.
 *
 *   closed(t)  = max( closed(t−1) + max(z_O, z_S),  maxₗ openₗ(t−1) + z_E )
 *   openₗ(t)   = max( closed(t−1) + z_B,  openₗ(t−1) + z_I )
 */
function bestPath(
  z: Float32Array,
  positions: number,
  labels: number,
  answering: readonly number[],
): Int32Array {
  const columns = columnsOf(labels)
  const closedBy = new Int32Array(positions)
  const openedBy = new Uint8Array(positions * labels)
  let closed = 0
  let open = new Float64Array(labels).fill(-Infinity)
  let next = new Float64Array(labels).fill(-Infinity)
  for (let at = 0; at < positions; at += 1) {
    const row = at * columns
    let best = closed + (z[row] ?? 0)
    let by = OUTSIDE
    for (const label of answering) {
      const first = row + firstColumn(label)
      const alone = closed + (z[first + SINGLE] ?? 0)
      const ended = (open[label] ?? 0) + (z[first + END] ?? 0)
      if (alone > best) [best, by] = [alone, firstColumn(label) + SINGLE]
      if (ended > best) [best, by] = [ended, firstColumn(label) + END]
      const begun = closed + (z[first + BEGIN] ?? 0)
      const inside = (open[label] ?? 0) + (z[first + INSIDE] ?? 0)
      next[label] = Math.max(begun, inside)
      openedBy[at * labels + label] = inside > begun ? INSIDE : BEGIN
    }
    closedBy[at] = by
    closed = best
    ;[open, next] = [next, open]
  }
  return backwards(closedBy, openedBy, labels)
}

function backwards(closedBy: Int32Array, openedBy: Uint8Array, labels: number): Int32Array {
  const path = new Int32Array(closedBy.length)
  let label = -1
  for (let at = path.length - 1; at >= 0; at -= 1) {
    const tag =
      label < 0
        ? (closedBy[at] ?? OUTSIDE)
        : firstColumn(label) + (openedBy[at * labels + label] ?? BEGIN)
    path[at] = tag
    const place = tag === OUTSIDE ? -1 : (tag - 1) % TAGS
    label = place === END || place === INSIDE ? labelOf(tag) : -1
  }
  return path
}

function scoreOf(span: TokenSpan, outputs: Float32Array, columns: number): number {
  let sum = 0
  for (let at = span.from; at < span.to; at += 1) {
    const row = outputs.subarray(at * columns, (at + 1) * columns)
    sum += (row[tagAt(span, at)] ?? 0) - logSumExp(row)
  }
  return Math.exp(sum / (span.to - span.from))
}
