/**
 * The record of each source: its share of the recently learned examples, and how often the other examples agreed with
 * it. Sums fade with each event, so that they speak for about the last `HORIZON` events.
 *
 *   trust(s) = 1                                   where its agreement may be half as good as that of the others
 *              → 0                                 where it is surely no better than guessing
 *
 * A source is measured against the others, so that noise that all of them share, or a drift that all of them follow, costs none of
 * them its trust. An upper confidence bound gives a new source the benefit of the doubt.
 *
 * A name costs a sender nothing, so a source counts by itself only once it has standing: it has surely agreed with the others,
 * or, before anything can be judged, has sent more than once. All others are together one source, the newcomers. A source keeps
 * its standing through a drift, and loses it when it has no trust.
 *
 * Douceur (2002), "The Sybil attack", IPTPS.
 */
import type { Json } from '../../contracts/core.ts'
import { PeriodCap, type PeriodCount } from './guards.ts'
import {
  FAINT,
  fading,
  FEW,
  MEMORY,
  REPEATED,
  SourceRecord,
  standings,
  Z,
  Z_SURE,
  type RecordState,
  type Standing,
} from './source-record.ts'

/** Stands for all sources without standing. Names of sources have no NUL. */
export const NEWCOMERS = '\0'

/** A cap on a share says nothing about a handful of events. */
const HANDFUL = 3
/** Standard deviations by which a source that keeps to its share may be over it by chance. */
const CHANCE = 1
/** Above the rounding errors of faded counts. */
const ROUNDING = 1e-6
/** The faded count at which a source counts as recent: one event in about the last 1,500. */
const RECENT = 0.05
/** A source with less trust contradicts the others. */
const HALF = 0.5
/** The part of `limit` that new names may take within an hour. */
const NEW_NAMES = 0.1
const LEAST_NEW_NAMES = 20
const HOUR_MS = 3_600_000
/** Where records have no time, a thousand events count as an hour. */
const EVENT_MS = HOUR_MS / 1000

export interface RecentSourcesState {
  readonly [key: string]: Json
  readonly events: number
  readonly learned: number
  readonly rows: readonly RecordState[]
  /** Absent, like the last two numbers of a row, in a checkpoint of an earlier release. */
  readonly newcomers?: RecordState
  /** The present hour, and the names that it brought. */
  readonly hour?: PeriodCount
  /** How much better than guessing the last judged events of all sources agreed; 0 where nothing was judged. */
  readonly edge?: number
}

interface RecentSourcesParts {
  /** Sources with a record of their own. */
  readonly limit: number
  /** If there are any, the others are measured against these alone. */
  readonly trusted: ReadonlySet<string>
  /** Whether agreement is judged. */
  readonly isJudging: boolean
}

export class RecentSources {
  readonly #parts: RecentSourcesParts
  /** In the order of their last events. */
  readonly #rows = new Map<string, SourceRecord>()
  #newcomers = new SourceRecord(0)
  #events = 0
  /** Faded, of all sources. */
  #learned = 0
  /** The names that the present hour has brought. */
  readonly #names: PeriodCap
  #edge = 0
  /** How much better than guessing the voices are, in order; undefined when it has changed. */
  #edges: readonly number[] | undefined

  constructor(parts: RecentSourcesParts) {
    this.#parts = parts
    this.#names = new PeriodCap(Math.max(LEAST_NEW_NAMES, NEW_NAMES * parts.limit), HOUR_MS)
  }

  /** An event of this source arrived. */
  saw(source: string, timeMs?: number): void {
    this.#events += 1
    this.#learned *= fading(1)
    const row = this.#rows.get(source) ?? this.#added(source, timeMs)
    if (row !== undefined) {
      this.#rows.delete(source)
      this.#rows.set(source, row)
      row.fade(this.#events)
      row.seen += 1
      row.count = Math.min(REPEATED, row.count + 1)
      if (row.standing === standings.early && row.count >= REPEATED && !this.#needsProof)
        this.#give(row, standings.repeated)
    }
    if (!this.isNewcomer(source)) return
    this.#newcomers.fade(this.#events)
    this.#newcomers.seen += 1
  }

  learned(source: string): void {
    this.#learned += 1
    for (const row of this.#rowsOf(source)) {
      row.fade(this.#events)
      row.learned += 1
    }
  }

  /** `guess`: how probable agreement was by chance. */
  judged(source: string, agrees: boolean, guess: number, error: number): void {
    this.#edge += ((agrees ? 1 : 0) - guess - this.#edge) / MEMORY
    for (const row of this.#rowsOf(source)) {
      row.judge(agrees, guess, error)
      this.#edges = undefined
      if (row.judged < FEW) continue
      if (row.upperEdge(row.hasStanding ? -Z : -Z_SURE) > 0) this.#give(row, standings.proven)
      else if (row.standing > standings.none && this.#trustOf(row) === 0)
        this.#give(row, standings.lost)
    }
  }

  /** Seen so far, of all sources. */
  get events(): number {
    return this.#events
  }

  /** Whether there was ever something to judge by, as far as the records go. */
  get hasJudged(): boolean {
    if (this.#newcomers.judged > 0) return true
    for (const { judged } of this.#rows.values()) if (judged > 0) return true
    return false
  }

  /** Sources of about the last 1,500 events; the newcomers are one. */
  get recent(): number {
    return this.#recent(({ hasStanding }) => hasStanding)
  }

  /** Whether most of what was judged lately, by volume, contradicts the others, or what they say is a guess. */
  get isMostlyContradicted(): boolean {
    return this.#edge < 0
  }

  /** Sources of the same time that contradict the others, and came as early or had standing; the newcomers are one. */
  get recentlyContradicting(): number {
    const contradicts = (row: SourceRecord) =>
      row.standing === standings.lost ||
      (row.standing >= standings.early && this.#trustOf(row) < HALF)
    const shared = this.#newcomers
    const newcomers = shared.judged >= FEW && this.#trustOf(shared) < HALF
    return this.#recent(contradicts, { newcomers })
  }

  /** Whether a source counts by itself. */
  hasStanding(source: string): boolean {
    return this.#parts.trusted.has(source) || this.#rowOf(source)?.hasStanding === true
  }

  /** Whether it has agreed with the others, and has kept its standing since. */
  isReliable(source: string): boolean {
    return this.#rowOf(source)?.standing === standings.proven
  }

  /** Without standing, and nothing shows that it has earned no trust. */
  isNewcomer(source: string): boolean {
    if (this.hasStanding(source)) return false
    const row = this.#rows.get(source)
    return row === undefined || row.judged < FEW || this.#trustOf(row) > 0
  }

  /** Sources with standing by themselves, and the newcomers if they have it together. */
  get withStanding(): readonly string[] {
    return this.#all.flatMap(([source, { hasStanding }]) => (hasStanding ? [source] : []))
  }

  /** How many more examples of this source may be learned before it exceeds `share`; `isStrict`: chance gives it no more. */
  room(source: string, share: number, { isStrict = false } = {}): number {
    const row = this.#rowOf(source)
    const learned = row === undefined ? 0 : row.learned * fading(this.#events - row.at)
    const most = share * (this.#learned + 1)
    const chance = CHANCE * Math.sqrt(most * (1 - share))
    // Newcomers have no right to a handful: it would be that of a name.
    const loose = source === NEWCOMERS ? ROUNDING : isStrict ? 1 : chance + HANDFUL
    return Math.floor(most + loose - learned)
  }

  /** Between 0 and 1, by its own record. */
  trust(source: string): number {
    return this.#trustOf(this.#rowOf(source))
  }

  /** Whether it is surely better than guessing now, by its agreements. */
  isProven(source: string): boolean {
    const row = this.#rowOf(source)
    return row !== undefined && row.judged >= 1 && row.upperEdge(-Z) > 0
  }

  /**
   * The sources that are surely worse than guessing since the last call, where the others are better: for this much more
   * is asked than for no trust. Each is named once, until it may be better again.
   */
  takeHostile(): readonly string[] {
    const found: string[] = []
    for (const [source, row] of this.#all) {
      if (row.judged < 1) continue
      if (row.isHostile) row.isHostile = row.upperEdge(Z) <= 0
      else if (row.upperEdge(Z_SURE) <= 0 && this.#edgeOfOthers(row) > FAINT) {
        row.isHostile = true
        found.push(source)
      }
    }
    return found
  }

  /** The share of its labels that is wrong; `usual` is that of all. */
  wrong(source: string, usual: number): number {
    const shared = this.isNewcomer(source) ? this.#newcomers.wrong(usual) : usual
    return (this.#rows.get(source) ?? new SourceRecord(0)).wrong(shared)
  }

  /** The sources that `trust` gives less than 1, and the newcomers. */
  distrusted(trust: (source: string) => number): readonly (readonly [string, number])[] {
    const names = [NEWCOMERS, ...this.#rows.keys()]
    const all = names.map((source) => [source, trust(source)] as const)
    return all.filter(([, value]) => value < 1)
  }

  snapshot(): RecentSourcesState {
    return {
      events: this.#events,
      learned: this.#learned,
      rows: [...this.#rows].map(([source, row]) => row.state(source)),
      newcomers: this.#newcomers.state(NEWCOMERS),
      hour: this.#names.snapshot(),
      edge: this.#edge,
    }
  }

  restore(state: RecentSourcesState): void {
    const { events, learned, rows, newcomers, hour = [0, 0], edge = 0 } = state
    this.#events = events
    this.#learned = learned
    this.#names.restore(hour)
    this.#edge = edge
    this.#edges = undefined
    this.#rows.clear()
    for (const state of rows) this.#rows.set(state[0], SourceRecord.of(state))
    this.#newcomers = newcomers ? SourceRecord.of(newcomers) : new SourceRecord(events)
  }

  /** Undefined if the hour has brought enough new names: they are newcomers without a record. */
  #added(source: string, timeMs: number | undefined): SourceRecord | undefined {
    const { limit, trusted } = this.#parts
    const atMs = timeMs ?? this.#events * EVENT_MS
    if (!trusted.has(source) && this.#names.isSpent(atMs)) return undefined
    this.#names.count(atMs)
    if (this.#rows.size >= limit) this.#dropOldest()
    return new SourceRecord(this.#events, this.#needsProof ? standings.none : standings.early)
  }

  /** Names that were made up must not drive out those with standing. */
  #dropOldest(): void {
    const rows = [...this.#rows]
    const oldest = rows.find(([, { hasStanding }]) => !hasStanding) ?? rows[0]
    if (oldest !== undefined) this.#rows.delete(oldest[0])
    this.#edges = undefined
  }

  #give(row: SourceRecord, standing: Standing): void {
    if (row.standing === standing) return
    if (row !== this.#newcomers && !row.hasStanding) this.#leaveNewcomers(row)
    row.standing = standing
    this.#edges = undefined
  }

  /** What it sent and taught as one of them was its own. */
  #leaveNewcomers(row: SourceRecord): void {
    const shared = this.#newcomers
    for (const each of [row, shared]) each.fade(this.#events)
    shared.seen = Math.max(0, shared.seen - row.seen)
    shared.learned = Math.max(0, shared.learned - row.learned)
  }

  /** Once anything was judged, standing has to be earned; trusted sources judge from the start. */
  get #needsProof(): boolean {
    const { trusted, isJudging } = this.#parts
    if (!isJudging) return false
    return trusted.size > 0 || this.hasJudged
  }

  #recent(counts: (row: SourceRecord) => boolean, { newcomers = true } = {}): number {
    const isRecent = ({ seen, at }: SourceRecord) => seen * fading(this.#events - at) >= RECENT
    let count = newcomers && isRecent(this.#newcomers) ? 1 : 0
    for (const [source, row] of this.#rows)
      if (isRecent(row) && (counts(row) || (newcomers && this.#parts.trusted.has(source))))
        count += 1
    return count
  }

  #rowOf(source: string): SourceRecord | undefined {
    return source === NEWCOMERS ? this.#newcomers : this.#rows.get(source)
  }

  /** Its own record, and that of the newcomers if it is one. */
  #rowsOf(source: string): readonly SourceRecord[] {
    const own = this.#rows.get(source)
    const shared = this.isNewcomer(source) ? [this.#newcomers] : []
    return own === undefined ? shared : [own, ...shared]
  }

  #trustOf(row: SourceRecord | undefined): number {
    return row === undefined || row.judged < 1 ? 1 : row.trust(this.#edgeOfOthers(row))
  }

  /** How much better than guessing the others are that a source is measured against: the median of them. */
  #edgeOfOthers(row: SourceRecord): number {
    this.#edges ??= this.#voices.map(({ edge }) => edge).toSorted((a, b) => a - b)
    const edges = this.#edges
    const own = edges.indexOf(row.edge)
    const isAmong = own >= 0 && this.#voices.includes(row)
    const others = isAmong ? edges.toSpliced(own, 1) : edges
    // If two sources contradict each other, either may be wrong: the edge of the other one decides.
    return others[Math.floor(others.length / 2)] ?? 0
  }

  get #voices(): readonly SourceRecord[] {
    const { trusted } = this.#parts
    return this.#all.flatMap(([source, row]) => {
      const isHeard = trusted.size === 0 ? row.hasStanding : trusted.has(source)
      return row.judged >= 1 && isHeard ? [row] : []
    })
  }

  /** With the newcomers, which come last. */
  get #all(): readonly (readonly [source: string, row: SourceRecord])[] {
    return [...this.#rows, [NEWCOMERS, this.#newcomers]]
  }
}
