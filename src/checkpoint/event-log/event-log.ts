/**
 * What became of each event that was accepted: a row for each, in the order in which they came, with the example as it
 * was encoded, the version that learned it, and what a rollback, a retraction or a newer signal did to it since. A
 * receipt is answered from it, and a rollback finds in it everything that a version has learned. Part of the checkpoint,
 * bounded in rows and bytes; the oldest fall out.
 *
 * An event that comes again gets a new row, and its newest row counts. In memory are the hashes of the events and four
 * numbers a row; examples stay in the checkpoint until a rollback asks for them.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { hashesIn, SeenIds, type IdHash } from '../../intake/dedupe/seen-ids.ts'
import { isMeant, type Meant } from '../../intake/retraction.ts'
import { noLog, type LoadedLog, type LogChange } from './contract.ts'
import type { EventNote, LoggedRow, RowTrace } from './pack.ts'
import { PredictionIndex } from './prediction-index.ts'
import { Rollbacks } from './rollbacks.ts'
import { RowContents, type OrderedRow, type StoredRows } from './row-contents.ts'
import { RowStates } from './row-states.ts'
import { eventStates, isHeld, isUndone, type EventCounts, type EventState } from './states.ts'
import { VersionTree } from './version-tree.ts'

export interface EventLogLimits {
  readonly events: number
  readonly bytes: number
}

export interface EventLogParts {
  readonly limits: EventLogLimits
  readonly hashOf: (key: ExampleKey) => IdHash
  /** What keeping its target takes. */
  readonly sizeOf: (example: Example) => number
  /** Whether the event was accepted before, also one that fell out of the log. */
  readonly isKnown: (key: ExampleKey) => boolean
  readonly stored: StoredRows
}

interface NewRow extends LoggedRow {
  readonly state: EventState
}

/** What is known of a row without its content. */
export interface KnownRow extends RowTrace {
  readonly order: number
  readonly state: EventState
  /** The number of the version that has learned it; 0 = none. */
  readonly version: number
}

/** What a row takes besides its example. */
const ROW_BYTES = 128

export class EventLog {
  readonly #parts: EventLogParts
  readonly #versions = new VersionTree()
  readonly #states = new RowStates()
  readonly #contents: RowContents
  readonly #rollbacks = new Rollbacks()
  readonly #predictions: PredictionIndex
  #ids: SeenIds
  #begin = 0
  #end = 0
  #older = 0
  #rewrites = 0
  #rewrite: ((example: Example) => Example) | undefined
  /** No row before it has a version, or will get one. */
  #firstLearned = 0
  /** Orders of rows that are learned again, in their order; some may have changed since. */
  #again: number[] = []

  constructor(parts: EventLogParts) {
    this.#parts = parts
    this.#ids = new SeenIds(parts.limits.events)
    this.#contents = new RowContents(parts.stored)
    this.#predictions = new PredictionIndex(() => this.#contents.traces(this.#begin))
  }

  get size(): number {
    return this.#end - this.#begin
  }

  get bytes(): number {
    return this.#states.bytes
  }

  /** Where the next row goes. */
  get end(): number {
    return this.#end
  }

  get begin(): number {
    return this.#begin
  }

  /** Events that fell out of it. */
  get older(): number {
    return this.#older
  }

  /** The versions that its rows were learned by. */
  get versions(): Pick<VersionTree, 'all' | 'get' | 'idOf' | 'ancestry' | 'lineOf' | 'endOf'> {
    return this.#versions
  }

  get counts(): EventCounts {
    return this.#states.counts(this.#older)
  }

  stateOf(key: ExampleKey): EventState | undefined {
    const order = this.#orderOf(key)
    return order === undefined ? undefined : this.#states.at(order)
  }

  /** The row of an event that came, or came again. Call it before the event is known as accepted. */
  add({ key, example, note, state }: NewRow): void {
    const before = this.#orderOf(key)
    if (before !== undefined) this.#states.set(before, eventStates.replaced)
    else if (this.#older > 0 && this.#parts.isKnown(key)) this.#older -= 1
    const order = this.#end
    this.#end += 1
    this.#ids.add(this.#parts.hashOf(key), 0)
    this.#contents.add({ key, ...(example && { example }), ...(note && { note }) })
    const bytes = ROW_BYTES + key.length + (example ? this.#parts.sizeOf(example) : 0)
    this.#states.add(this.#begin, order, state, bytes)
    this.#predictions.add(example?.predictionId, order, this.size)
    this.#overflow()
  }

  /** Another state of an event that has a row. Returns whether it has one. */
  mark(key: ExampleKey, state: EventState): boolean {
    const order = this.#orderOf(key)
    if (order === undefined) return false
    this.#states.set(order, state)
    return true
  }

  /** A newer signal takes its place. */
  supersede(key: ExampleKey): void {
    const state = this.stateOf(key)
    if (state !== undefined && isHeld(state)) this.mark(key, eventStates.superseded)
  }

  /** It will not be learned, and why. */
  reject(key: ExampleKey, { code, message }: EventNote): void {
    this.add({ key, state: eventStates.rejected, note: { code, message } })
  }

  /** Its content leaves the log, from all of its rows. */
  erase(key: ExampleKey, state: EventState): void {
    if (!this.mark(key, state)) this.add({ key, state })
    for (const order of this.#ids.all(this.#parts.hashOf(key)))
      if (order >= this.#begin) this.#contents.strip(order)
  }

  // ── Versions ──

  published(version: string, parent: string | null): void {
    this.#versions.add(version, parent, this.#end)
  }

  /** An update has made `version` from everything that waited for it. */
  learned(version: string): void {
    this.#states.learned(this.#versions.idOf(version), this.#begin)
  }

  /** The version that learned it, whether or not a rollback has undone that since. */
  learnedBy(key: ExampleKey): string | undefined {
    const order = this.#orderOf(key)
    if (order === undefined) return undefined
    return this.#versions.nameOf(this.#states.versionOf(order))
  }

  /** Whether it came after that version was published; undefined where the log cannot tell. */
  isAfter(key: ExampleKey, version: string): boolean | undefined {
    const [order, end] = [this.#orderOf(key), this.#versions.endOf(version)]
    return order === undefined || end === undefined ? undefined : order >= end
  }

  /** The learner is what that version is: what it has learned and a rollback had set aside counts as learned again. */
  wentTo(version: string): void {
    const line = this.#versions.lineOf(version)
    for (let order = this.#begin; order < this.#end; order += 1)
      if (isUndone(this.#states.at(order)) && line.has(this.#states.versionOf(order)))
        this.#states.set(order, eventStates.learned)
  }

  /** In their order, everything that was learned and that `version` has not learned. */
  *learnedSince(version: string): Generator<OrderedRow> {
    const line = this.#versions.lineOf(version)
    const isLost = (order: number) =>
      isLearnable(this.#states.at(order)) && !line.has(this.#states.versionOf(order))
    let first = this.#begin
    while (first < this.#end && !isLost(first)) first += 1
    for (const row of this.rows(first)) if (isLost(row.order)) yield row
  }

  /** Whether one of the last rollbacks went to this version. */
  wentBackTo(version: string): boolean {
    return this.#rollbacks.wentTo(version)
  }

  /** A rollback to a version begins to set events aside. Returns its number. */
  rolledBack(to: string, timeMs: number, reason: string): number {
    return this.#rollbacks.add(to, timeMs, reason)
  }

  /**
   * Since the newest rollback. An event that had no row gets one; where a newer signal of an event is set aside, and the
   * older one is still learned, it counts as learned.
   */
  setAside(row: LoggedRow, { isNewer = false } = {}): void {
    if (isNewer && this.#isLearned(row.key)) return
    if (!this.mark(row.key, eventStates.set_aside))
      this.add({ ...row, state: eventStates.set_aside })
    const order = this.#orderOf(row.key)
    if (order !== undefined) this.#states.setAsideBy(order, this.#rollbacks.next - 1)
  }

  /** What became of an event that was set aside, or kept back. */
  wasSetAside(key: ExampleKey, state: EventState): void {
    const before = this.stateOf(key)
    if (before === eventStates.set_aside || before === eventStates.quarantined)
      this.mark(key, state)
  }

  #isLearned(key: ExampleKey): boolean {
    const state = this.stateOf(key)
    return state === eventStates.learned || state === eventStates.held_out
  }

  // ── Forgetting ──

  /** Every row, oldest first. */
  *known(): Generator<KnownRow> {
    for (const { key, predictionId, timeMs, order } of this.#contents.traces(this.#begin))
      yield {
        ...{ key, order, state: this.#states.at(order) },
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
        version: this.#states.versionOf(order),
      }
  }

  /** Content, key and note leave these rows. An event counts as forgotten when its newest row is one of them. */
  forget(orders: readonly number[]): void {
    for (const order of orders) {
      if (order < this.#begin) continue
      if (this.#states.at(order) !== eventStates.replaced)
        this.#states.set(order, eventStates.forgotten)
      this.#contents.bare(order)
    }
  }

  /** The learner has gone back to before these rows, and learns them again in this order, which is theirs. */
  learnAgain(orders: readonly number[]): void {
    for (const order of orders) this.#states.set(order, eventStates.relearning)
    this.#again = [...orders]
  }

  /** How many are still to be learned again. */
  get relearning(): number {
    return this.#states.count(eventStates.relearning)
  }

  /** All of them, without their content. */
  *againRows(): Generator<KnownRow> {
    for (const row of this.known()) if (row.state === eventStates.relearning) yield row
  }

  /** The next of them. */
  nextAgain(count: number): readonly OrderedRow[] {
    const isDue = (order: number) =>
      order >= this.#begin && this.#states.at(order) === eventStates.relearning
    const at = this.#again.findIndex(isDue)
    this.#again = at < 0 ? [] : this.#again.slice(at)
    const [first] = this.#again
    const found: OrderedRow[] = []
    if (first === undefined) return found
    for (const row of this.rows(first)) {
      if (isDue(row.order)) found.push(row)
      if (found.length === count) break
    }
    return found
  }

  // ── What a retraction means ──

  /** Of the newest rows about a prediction. */
  about(predictionId: string): readonly ExampleKey[] {
    const orders = this.#predictions.about(predictionId, this.#begin)
    return orders.flatMap((order) => {
      const key = this.#contents.keyAt(order)
      return key !== undefined && this.#orderOf(key) === order ? [key] : []
    })
  }

  /** What a retraction means of the events that were accepted, those that left replay long ago too. */
  meant(meant: Meant): readonly ExampleKey[] {
    const isThere = (key: ExampleKey) => {
      const state = this.stateOf(key)
      return state !== undefined && (isHeld(state) || state === eventStates.superseded)
    }
    return [...new Set(this.#meant(meant))].filter(isThere)
  }

  #meant(meant: Meant): readonly ExampleKey[] {
    if (meant.kind !== 'event')
      return [...this.#contents.traces(this.#begin)]
        .filter((trace) => isMeant(meant, trace))
        .map(({ key }) => key)
    const { key, predictionId } = meant
    return predictionId === undefined ? [key] : [key, ...this.about(predictionId)]
  }

  // ── The checkpoint ──

  get change(): LogChange {
    const [begin, end] = [this.#begin, this.#end]
    const contents = this.#contents.change(begin)
    const rollbacks = this.#rollbacks.change
    return {
      facts: {
        ...{ begin, end, older: this.#older },
        nextVersion: this.#versions.next,
        nextRollback: this.#rollbacks.next,
        rewrites: this.#rewrites,
      },
      ...contents,
      hashes: this.#ids.bytesFrom(contents.first),
      blocks: this.#states.blocks(begin, end),
      versions: this.#versions.fresh,
      versionsFrom: this.#oldestVersion(),
      ...(rollbacks && { rollbacks }),
      rewrite: this.#rewrite,
    }
  }

  /** Every stored example has to become another one with the next save. */
  rewrite(change: (example: Example) => Example): void {
    const before = this.#rewrite
    this.#rewrite = before === undefined ? change : (example) => change(before(example))
    this.#rewrites += 1
  }

  saved(): void {
    this.#versions.forgetBelow(this.#oldestVersion())
    this.#rollbacks.saved()
    this.#rewrite = undefined
    this.#contents.saved(this.#end)
    this.#states.saved()
    this.#versions.saved()
  }

  restore({ facts, runs, blocks, versions, rollbacks }: LoadedLog = empty): void {
    const { begin, end } = facts
    this.#begin = begin
    this.#end = end
    this.#older = facts.older
    this.#ids = new SeenIds(this.#parts.limits.events, runs[0]?.first ?? begin)
    for (const { first, hashes } of runs) {
      // More came between two saves than are kept: rows before the gap had already fallen out then.
      if (first > this.#ids.end) this.#ids = new SeenIds(this.#parts.limits.events, first)
      for (const id of hashesIn(hashes)) this.#ids.add(id, 0)
    }
    this.#states.restore(blocks, begin, end)
    this.#contents.restore(end)
    this.#versions.restore(versions, facts.nextVersion)
    this.#rollbacks.restore(rollbacks, facts.nextRollback)
    this.#rewrites = facts.rewrites
    this.#firstLearned = begin
    this.#predictions.clear()
    this.#again = []
    for (let order = begin; order < end; order += 1)
      if (this.#states.at(order) === eventStates.relearning) this.#again.push(order)
    this.#overflow()
    // As at the save: the table removes old versions now and then only.
    this.#versions.forgetBelow(this.#oldestVersion())
  }

  /** The newest row of an event, where it is still here. */
  #orderOf(key: ExampleKey): number | undefined {
    const order = this.#ids.find(this.#parts.hashOf(key))?.ordinal
    return order === undefined || order < this.#begin ? undefined : order
  }

  /** By rows and not by runs, so that it does not depend on when the checkpoint was saved. */
  #overflow(): void {
    const { events, bytes } = this.#parts.limits
    while (this.size > events || (this.bytes > bytes && this.size > 1)) {
      if (this.#states.drop(this.#begin) !== eventStates.replaced) this.#older += 1
      this.#begin += 1
    }
  }

  /** Rows are learned in their order, so the first one that was learned has the oldest version. */
  #oldestVersion(): number {
    this.#firstLearned = Math.max(this.#firstLearned, this.#begin)
    for (; this.#firstLearned < this.#end; this.#firstLearned += 1) {
      const version = this.#states.versionOf(this.#firstLearned)
      if (version !== 0) return version
      if (this.#states.at(this.#firstLearned) === eventStates.pending) return 0
    }
    return 0
  }

  /** In their order, with their content. */
  rows(from = this.#begin): Generator<OrderedRow> {
    return this.#contents.rows(Math.max(from, this.#begin))
  }
}

/** A version has learned it, or had learned it and the line is on its way to learn it again. */
function isLearnable(state: EventState): boolean {
  return state === eventStates.learned || state === eventStates.relearning
}

const empty: LoadedLog = { facts: noLog, runs: [], blocks: [], versions: [], rollbacks: [] }
