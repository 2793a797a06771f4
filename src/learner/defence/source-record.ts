/**
 * What is known of one source: faded counts, how often the other examples agreed with it, and whether it counts by itself.
 */

/** Events after which a sum has faded to about a third. */
const HORIZON = 500
/** Judged examples that its agreements are a mean over. */
export const MEMORY = 100
/** The usual share of wrong labels counts as this many of its own. */
const USUAL = 20
/** Judged examples from which a source may have or lose standing by them. */
export const FEW = 5
/** Events that give standing where nothing can be judged. */
export const REPEATED = 2
/** One-sided 95 % of a normal distribution, and 99.9 %. */
export const Z = 1.64
export const Z_SURE = 3.1
/** Below this edge over guessing the others say nothing. */
export const FAINT = 0.1

/** `early`: it came before anything could be judged; `lost`: it did, or had standing, and contradicts the others. */
export const standings = { lost: -1, none: 0, early: 1, repeated: 2, proven: 3 } as const
export type Standing = (typeof standings)[keyof typeof standings]

export type RecordState = readonly [source: string, ...numbers: readonly number[]]

export class SourceRecord {
  /** Faded counts, as of event `at`. */
  seen = 0
  learned = 0
  at: number
  /** Judged examples: their number, the agreements, and the agreements expected by guessing. */
  judged = 0
  agreed = 0
  guessed = 0
  /** Contradictions expected if all were right. */
  errors = 0
  isHostile = false
  /** All its events, up to `REPEATED`. */
  count = 0
  standing: Standing

  constructor(at: number, standing: Standing = standings.none) {
    this.at = at
    this.standing = standing
  }

  static of([, ...numbers]: RecordState): SourceRecord {
    const [seen = 0, learned = 0, at = 0, judged = 0, agreed = 0, guessed = 0, errors = 0] = numbers
    const [isHostile = 0, count = REPEATED, standing] = numbers.slice(7)
    const row = new SourceRecord(at)
    Object.assign(row, { seen, learned, judged, agreed, guessed, errors, count })
    row.isHostile = isHostile === 1
    const known = Object.values(standings).find((each) => each === standing)
    row.standing = known ?? row.#earlierStanding
    return row
  }

  state(source: string): RecordState {
    const { seen, learned, at, judged, agreed, guessed, errors, isHostile, count, standing } = this
    const sums = [seen, learned, at, judged, agreed, guessed, errors] as const
    return [source, ...sums, Number(isHostile), count, standing]
  }

  /** Whether it counts by itself. */
  get hasStanding(): boolean {
    return this.standing >= standings.repeated
  }

  /** As of event `at`. */
  fade(at: number): void {
    const kept = fading(at - this.at)
    this.seen *= kept
    this.learned *= kept
    this.at = at
  }

  /** `guess`: how probable agreement was by chance. */
  judge(agrees: boolean, guess: number, error: number): void {
    const kept = 1 - 1 / MEMORY
    this.judged = this.judged * kept + 1
    this.agreed = this.agreed * kept + (agrees ? 1 : 0)
    this.guessed = this.guessed * kept + guess
    this.errors = this.errors * kept + error
  }

  /** How much better than guessing it was. */
  get edge(): number {
    return (this.agreed - this.guessed) / this.judged
  }

  /** The most that it may be better than guessing; the least where `z` is negative. */
  upperEdge(z: number): number {
    return this.edge + z * Math.sqrt(0.25 / this.judged)
  }

  /**
   * Between 0 and 1. `edge`: that of the others. A source with standing loses it only for sure, and one without gets it only for
   * sure: each is judged again with every event, and one of many names may be right by chance.
   */
  trust(edge: number): number {
    if (edge <= FAINT) return 1
    const z = this.hasStanding ? Z_SURE : Z
    return Math.max(0, Math.min(1, (2 * this.upperEdge(z)) / edge))
  }

  /** The share of its labels that is wrong; `usual` is that of all. */
  wrong(usual: number): number {
    const contradicted = this.judged - this.agreed
    const own =
      (USUAL * usual + contradicted - this.errors) / (USUAL + this.judged - 2 * this.errors)
    return Math.max(0, Math.min(1, own))
  }

  /** A release that did not keep it let each source count by itself. */
  get #earlierStanding(): Standing {
    if (this.isHostile) return standings.none
    return this.judged >= FEW && this.upperEdge(-Z) > 0 ? standings.proven : standings.repeated
  }
}

export function fading(events: number): number {
  return Math.exp(-events / HORIZON)
}
