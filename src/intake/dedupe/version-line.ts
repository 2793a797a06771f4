/**
 * Which of the ids that were taken belong to the present line of versions: spans of ordinals, oldest first. Going back to
 * a version leaves out what came after it, so that those events can be sent again, and going forward takes it in again.
 */

/** [from, to): ordinals of ids. */
export type Span = readonly [from: number, to: number]
export type VersionLine = readonly Span[]

/** Further turns of a line are taken together: what lies between them then counts as known. */
const MOST_SPANS = 1000

/** Everything that was taken: of a checkpoint from before there were lines. */
export const wholeVersionLine: VersionLine = [[0, Number.MAX_SAFE_INTEGER]]

export function isIn(line: VersionLine, ordinal: number): boolean {
  return line.some(([from, to]) => from <= ordinal && ordinal < to)
}

/** As it was when `end` ids had been taken. */
export function upTo(line: VersionLine, end: number): VersionLine {
  return line.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)])
}

/** A line that goes on from `end`; nobody knows ids before `begin` any more. */
export function goingOn(line: VersionLine, begin: number, end: number): VersionLine {
  const known = line.filter(([from, to]) => to > begin && from < to)
  const spans: Span[] = [...known, [end, Number.MAX_SAFE_INTEGER]]
  const [first, second, ...rest] = spans
  if (spans.length <= MOST_SPANS || first === undefined || second === undefined) return spans
  return [[first[0], second[1]], ...rest]
}
