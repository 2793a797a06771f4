/**
 * What is known of one source: faded counts, how often the other examples agreed with it, and whether it counts by itself.
 */

/** Events after which a sum has faded to about a third. */
const HORIZON = 500
/** The usual share of wrong labels counts as this many of its own. */
const USUAL = 20
/** Judged examples from which a source may have or lose standing by them. */
export const FEW = 5
/** Events that give standing where nothing can be judged. */
export const REPEATED = 2
/** One-sided 95 % of a normal distribution. */
export const Z = 1.64

/** `early`: it came before anything could be judged; `lost`: it did, or had standing, and contradicts the others. */
export const standings = { lost: -1, none: 0, early: 1, repeated: 2, proven: 3 } as const
export type Standing = (typeof standings)[keyof typeof standings]

export interface SourceRecord {
  /** Faded counts, as of event `at`. */
  seen: number
  learned: number
  at: number
  /** Judged examples: their number, the agreements, and the agreements expected by guessing. */
  judged: number
  agreed: number
  guessed: number
  /** Contradictions expected if all were right. */
  errors: number
  isHostile: boolean
  /** All its events, up to `REPEATED`. */
  count: number
  standing: Standing
}

type Judgements = Pick<SourceRecord, 'judged' | 'agreed' | 'guessed'>

export type RecordState = readonly [source: string, ...numbers: readonly number[]]

export function emptyRecord(at: number, standing: Standing = standings.none): SourceRecord {
  return {
    ...{ seen: 0, learned: 0, at, judged: 0, agreed: 0, guessed: 0, errors: 0 },
    ...{ isHostile: false, count: 0, standing },
  }
}

export function stateOf(source: string, row: SourceRecord): RecordState {
  const { seen, learned, at, judged, agreed, guessed, errors, isHostile, count, standing } = row
  const sums = [seen, learned, at, judged, agreed, guessed, errors] as const
  return [source, ...sums, Number(isHostile), count, standing]
}

export function recordOf([, ...numbers]: RecordState): SourceRecord {
  const [seen = 0, learned = 0, at = 0, judged = 0, agreed = 0, guessed = 0, errors = 0] = numbers
  const [isHostile = 0, count = REPEATED, standing] = numbers.slice(7)
  const row = { seen, learned, at, judged, agreed, guessed, errors, isHostile: isHostile === 1 }
  const isKnown = Object.values(standings).find((each) => each === standing)
  return { ...row, count, standing: isKnown ?? earlierStanding(row) }
}

/** A release that did not keep it let each source count by itself. */
function earlierStanding(row: Omit<SourceRecord, 'count' | 'standing'>): Standing {
  if (row.isHostile) return standings.none
  return row.judged >= FEW && upperEdge(row, -Z) > 0 ? standings.proven : standings.repeated
}

export function wrongIn(row: SourceRecord | undefined, usual: number): number {
  const { judged = 0, agreed = 0, errors = 0 } = row ?? {}
  const contradicted = judged - agreed
  const own = (USUAL * usual + contradicted - errors) / (USUAL + judged - 2 * errors)
  return Math.max(0, Math.min(1, own))
}

/** How much better than guessing it was. */
export function edgeOf({ judged, agreed, guessed }: Judgements): number {
  return (agreed - guessed) / judged
}

/** The most that it may be better than guessing; the least where `z` is negative. */
export function upperEdge(row: Judgements, z: number): number {
  return edgeOf(row) + z * Math.sqrt(0.25 / row.judged)
}

export function fading(events: number): number {
  return Math.exp(-events / HORIZON)
}
