/**
 * Which accepted ids belong to the present line of versions: spans of ordinals, oldest first. A rollback leaves out the
 * ids after the restored version, so that those events can be sent again; moving forward includes them again.
 */

/** [from, to): ordinals of ids. */
export type Span = readonly [from: number, to: number]
export type VersionLine = readonly Span[]

/** More turns of a line are merged: ids between them then count as known. */
const MOST_SPANS = 1000

/** Everything that was accepted: for a checkpoint from before there were lines. */
export const wholeVersionLine: VersionLine = [[0, Number.MAX_SAFE_INTEGER]]

export function isIn(line: VersionLine, ordinal: number): boolean {
  return line.some(([from, to]) => from <= ordinal && ordinal < to)
}

/** As it was when `end` ids had been accepted. */
export function upTo(line: VersionLine, end: number): VersionLine {
  return line.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)])
}

/** A line that continues from `end`; ids before `begin` are forgotten. */
export function goingOn(line: VersionLine, begin: number, end: number): VersionLine {
  const known = line.filter(([from, to]) => to > begin && from < to)
  const spans: Span[] = [...known, [end, Number.MAX_SAFE_INTEGER]]
  const [first, second, ...rest] = spans
  if (spans.length <= MOST_SPANS || first === undefined || second === undefined) return spans
  return [[first[0], second[1]], ...rest]
}
