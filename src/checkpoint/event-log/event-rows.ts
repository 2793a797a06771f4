/**
 * The rows of the event log: a bounded list with a row for each accepted event, in the order in which they came.
 *
 * A row is found by the key of its event. An event that comes again gets a new row, and its newest row counts. The
 * oldest rows fall out when there are too many rows or bytes. In memory are the hashes of the keys and four numbers a
 * row; keys and examples stay in the checkpoint.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { hashesIn, SeenIds, type IdHash } from '../../intake/dedupe/seen-ids.ts'
import type { LoadedLog, LogChange } from './contract.ts'
import type { LoggedRow, RowTrace } from '../example-pack.ts'
import { RowContents, type OrderedRow, type StoredRows, PredictionIndex } from './row-contents.ts'
import { RowStates, rowMarks, type RowMark } from './row-states.ts'
import { eventStates, isUntaught, type EventCounts, type EventState } from './states.ts'

export interface EventLogLimits {
  readonly events: number
  readonly bytes: number
}

export interface EventRowsParts {
  readonly limits: EventLogLimits
  readonly hashOf: (key: ExampleKey) => IdHash
  /** The bytes that the input and the target of an example take. */
  readonly sizeOf: (example: Example) => number
  /** Whether the event was accepted before, also if its row fell out. */
  readonly isKnown: (key: ExampleKey) => boolean
  readonly stored: StoredRows
}

export interface NewRow extends LoggedRow {
  readonly state: EventState
  /** The same signal as in its last row, which was set aside or is learned again. */
  readonly isAgain?: boolean
}

/** A row without its content. */
export interface KnownRow extends RowTrace {
  readonly order: number
  readonly state: EventState
  /** The number of the version that learned it; 0 = none. */
  readonly version: number
}

/** The bytes of a row without its example. */
const ROW_BYTES = 128

export class EventRows {
  readonly #parts: EventRowsParts
  readonly #states = new RowStates()
  readonly #contents: RowContents
  readonly #predictions: PredictionIndex
  #ids = new SeenIds(Infinity)
  #begin = 0
  #end = 0
  #older = 0
  #untraced = 0
  /** The first row that may have a version: the rows before it have none, and never get one. */
  #firstLearned = 0
  /** No row was learned by an older version than a row before it. */
  #isInOrder = true
  /** Orders of the rows that were taken out of the sums since the newest version of the line. */
  readonly #removed = new Set<number>()

  constructor(parts: EventRowsParts) {
    this.#parts = parts
    this.#contents = new RowContents(parts.stored)
    this.#predictions = new PredictionIndex(() => this.#contents.traces(this.#begin))
  }

  /** Rows [begin, end) are in the log. */
  get begin(): number {
    return this.#begin
  }

  get end(): number {
    return this.#end
  }

  get size(): number {
    return this.#end - this.#begin
  }

  get bytes(): number {
    return this.#states.bytes
  }

  /** How many events have no row any more. */
  get older(): number {
    return this.#older
  }

  /** How many rows fell out that a version may have learned, and that nothing can be said of any more. */
  get untraced(): number {
    return this.#untraced
  }

  /** Whether an earlier row of an event fell out that a version may have learned. */
  hasEarlier(key: ExampleKey): boolean {
    const order = this.orderOf(key)
    return order !== undefined && this.#states.has(order, rowMarks.earlier)
  }

  /** No version is left that has learned a row: what fell out so far does not matter any more. */
  nothingLearned(): void {
    this.#untraced = 0
    for (let order = this.#begin; order < this.#end; order += 1)
      this.#states.unmark(order, rowMarks.earlier)
  }

  get counts(): EventCounts {
    return this.#states.counts(this.#older)
  }

  count(state: EventState): number {
    return this.#states.count(state)
  }

  /** The newest row of an event; undefined if it has none. */
  orderOf(key: ExampleKey): number | undefined {
    const order = this.#ids.find(this.#parts.hashOf(key))?.ordinal
    return order === undefined || order < this.#begin ? undefined : order
  }

  /** Every row of an event, oldest first. */
  ordersOf(key: ExampleKey): readonly number[] {
    const newest = this.orderOf(key)
    if (newest === undefined || !this.has(newest, rowMarks.repeated)) return [newest ?? []].flat()
    return this.#ids.all(this.#parts.hashOf(key)).filter((order) => order >= this.#begin)
  }

  has(order: number, mark: RowMark): boolean {
    return this.#states.has(order, mark)
  }

  /** The present sums are without these rows. */
  tookOut(orders: readonly number[]): void {
    for (const order of orders) {
      this.#states.mark(order, rowMarks.removed)
      this.#removed.add(order)
    }
  }

  /** What was taken out since the newest version of the line; from now on a version says so, or it is undone. */
  protected takeRemoved(): readonly number[] {
    const removed = [...this.#removed].filter((order) => order >= this.#begin)
    for (const order of removed) this.#states.unmark(order, rowMarks.removed)
    this.#removed.clear()
    return removed
  }

  /** Whether the weights have what these rows taught, which are erased, is noted in the newest row of each event. */
  keeps(orders: readonly number[], isKept: (order: number) => boolean): void {
    for (const order of orders) this.#states.unmark(order, rowMarks.kept)
    for (const order of orders.filter(isKept))
      this.#states.mark(this.#ids.newestOf(order) ?? order, rowMarks.kept)
  }

  stateOf(key: ExampleKey): EventState | undefined {
    const order = this.orderOf(key)
    return order === undefined ? undefined : this.#states.at(order)
  }

  at(order: number): EventState {
    return this.#states.at(order)
  }

  /** The number of the version that learned it; 0 = none. */
  versionOf(order: number): number {
    return this.#states.versionOf(order)
  }

  /** Adds a row for an event. Call it before the event is known as accepted. */
  add({ key, example, note, state, isAgain = false }: NewRow): void {
    const before = this.orderOf(key)
    const isBack = before === undefined && this.#older > 0 && this.#parts.isKnown(key)
    const hasEarlier = isBack || this.hasEarlier(key)
    const isCounted = isAgain && before !== undefined && this.#wasLearned(before)
    if (before !== undefined) this.#states.set(before, eventStates.replaced)
    if (isBack) this.#older -= 1
    const order = this.#end
    this.#end += 1
    this.#ids.add(this.#parts.hashOf(key), 0)
    this.#contents.add({ key, ...(example && { example }), ...(note && { note }) })
    const bytes = ROW_BYTES + key.length + (example ? this.#parts.sizeOf(example) : 0)
    this.#states.add(this.#begin, order, state, bytes)
    if (hasEarlier) this.#states.mark(order, rowMarks.earlier)
    if (isCounted) this.#states.mark(order, rowMarks.counted)
    if (before !== undefined) this.#states.mark(order, rowMarks.repeated)
    // Sums do not count what weighs nothing.
    if (example?.weight === 0) this.tookOut([order])
    this.#predictions.add(example?.predictionId, order, this.size)
    this.#overflow()
  }

  #wasLearned(order: number): boolean {
    return this.#states.versionOf(order) !== 0 || this.#states.has(order, rowMarks.counted)
  }

  set(order: number, state: EventState): void {
    this.#states.set(order, state)
  }

  /** `isGone`: no version is left that has learned it. */
  relearn(order: number, isGone: boolean): void {
    if (order < this.#begin) return
    this.#states.set(order, eventStates.relearning)
    if (isGone) this.#states.mark(order, rowMarks.gone)
    this.#overflow()
  }

  /** Changes the state of an event; returns whether it has a row. */
  mark(key: ExampleKey, state: EventState): boolean {
    const order = this.orderOf(key)
    if (order === undefined) return false
    this.#states.set(order, state)
    this.#overflow()
    return true
  }

  /** The version with this number has learned all pending rows. Returns how many of them an earlier version had learned. */
  learnPending(version: number): number {
    const again = this.#states.learned(version, this.#begin)
    this.#overflow()
    return again
  }

  setAsideBy(key: ExampleKey, rollback: number): void {
    const order = this.orderOf(key)
    if (order !== undefined) this.#states.setAsideBy(order, rollback)
  }

  /** Removes the content of an event from all of its rows. */
  erase(key: ExampleKey, state: EventState): void {
    if (!this.mark(key, state)) this.add({ key, state })
    for (const order of this.#ids.all(this.#parts.hashOf(key)))
      if (order >= this.#begin) {
        this.#contents.strip(order)
        this.#states.mark(order, rowMarks.erased)
      }
  }

  /** Removes content, key and note from these rows. An event is forgotten when its newest row is one of them. */
  forget(orders: readonly number[]): void {
    for (const order of orders) {
      if (order < this.#begin) continue
      if (this.#states.at(order) !== eventStates.replaced)
        this.#states.set(order, eventStates.forgotten)
      this.#contents.bare(order)
      this.#states.mark(order, rowMarks.erased)
    }
    this.#overflow()
  }

  /** Rows from `from` on, oldest first, with their content. */
  rows(from = this.#begin): Generator<OrderedRow> {
    return this.#contents.rows(Math.max(from, this.#begin))
  }

  /** Undefined if the row has none, or lost it. */
  exampleAt(order: number): Example | undefined {
    return this.#contents.exampleAt(order)
  }

  /** Every row, oldest first, without its content. */
  *known(): Generator<KnownRow> {
    for (const { key, predictionId, timeMs, order } of this.#contents.traces(this.#begin))
      yield {
        ...{ key, order, state: this.#states.at(order) },
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
        version: this.#states.versionOf(order),
      }
  }

  /** The events that speak of a prediction with their newest row. */
  about(predictionId: string): readonly ExampleKey[] {
    const orders = this.#predictions.about(predictionId, this.#begin)
    return orders.flatMap((order) => {
      const key = this.#contents.keyAt(order)
      return key !== undefined && this.orderOf(key) === order ? [key] : []
    })
  }

  /** Learned rows that speak of a prediction where a newer row of their event says something else. */
  *earlierAbout(
    predictionId: string,
  ): Generator<{ readonly key: ExampleKey; readonly order: number }> {
    for (const order of this.#predictions.about(predictionId, this.#begin)) {
      const key = this.versionOf(order) === 0 ? undefined : this.#contents.keyAt(order)
      if (key !== undefined && this.orderOf(key) !== order) yield { key, order }
    }
  }

  /** These learned rows belong to the version with this number, in place of those that have learned them. */
  moveTo(version: number, orders: readonly number[]): void {
    for (const order of orders) this.#states.moveTo(order, version)
    this.#isInOrder = false
  }

  /** The oldest version that a row was learned by. Rows are learned in order, so the first learned row has it. */
  get oldestVersion(): number {
    if (!this.#isInOrder) return this.#leastVersion()
    this.#firstLearned = Math.max(this.#firstLearned, this.#begin)
    for (; this.#firstLearned < this.#end; this.#firstLearned += 1) {
      const version = this.#states.versionOf(this.#firstLearned)
      if (version !== 0) return version
      if (this.#states.at(this.#firstLearned) === eventStates.pending) return 0
    }
    return 0
  }

  // ── The checkpoint ──

  /** What has changed since the last save. */
  get change(): Pick<LogChange, 'first' | 'fresh' | 'stripped' | 'bare' | 'hashes' | 'blocks'> {
    const contents = this.#contents.change(this.#begin)
    return {
      ...contents,
      hashes: this.#ids.bytesFrom(contents.first),
      blocks: this.#states.blocks(this.#begin, this.#end),
    }
  }

  saved(): void {
    this.#contents.saved(this.#end)
    this.#states.saved()
  }

  restore({ facts: { begin, end, older, untraced = older }, runs, blocks }: LoadedLog): void {
    this.#begin = begin
    this.#end = end
    this.#older = older
    this.#untraced = untraced
    this.#ids = this.#idsOf(runs)
    this.#states.restore(blocks, begin, end)
    this.#removed.clear()
    for (let order = begin; order < end; order += 1)
      if (this.has(order, rowMarks.removed)) this.#removed.add(order)
    this.#contents.restore(end)
    this.#firstLearned = begin
    this.#isInOrder = false
    this.#predictions.clear()
    this.#overflow()
  }

  /** As `oldestVersion`, after some rows were moved to a newer version. */
  #leastVersion(): number {
    let [least, latest, isInOrder] = [Infinity, 0, true]
    for (let order = this.#begin; order < this.#end; order += 1) {
      const version = this.#states.versionOf(order)
      if (latest === 0 && this.#states.at(order) === eventStates.pending) return 0
      if (version === 0) continue
      isInOrder &&= version >= latest
      ;[least, latest] = [Math.min(least, version), version]
    }
    this.#isInOrder = isInOrder
    return Number.isFinite(least) ? least : 0
  }

  #idsOf(runs: LoadedLog['runs']): SeenIds {
    let ids = new SeenIds(Infinity, runs[0]?.first ?? this.#begin)
    for (const { first, hashes } of runs) {
      // More events came between two saves than are kept: the rows before the gap had already fallen out.
      if (first > ids.end) ids = new SeenIds(Infinity, first)
      for (const id of hashesIn(hashes)) ids.add(id, 0)
    }
    return ids
  }

  /**
   * Drops single rows and not whole runs, so that it does not depend on when the checkpoint was saved. A row that waits for
   * the next update stays, and so do those after it: its example is nowhere else. Call it after what may end such a wait.
   */
  #overflow(): void {
    const { events, bytes } = this.#parts.limits
    while (this.size > events || (this.bytes > bytes && this.size > 1)) {
      if (this.#states.at(this.#begin) === eventStates.pending) break
      if (this.#mayHaveTaught(this.#begin)) this.#loseTrack(this.#begin)
      if (this.#states.drop(this.#begin) !== eventStates.replaced) this.#older += 1
      this.#begin += 1
    }
    this.#ids.forgetBefore(this.#begin)
  }

  #mayHaveTaught(order: number): boolean {
    const state = this.#states.at(order)
    if (isUntaught(state) || this.#states.has(order, rowMarks.gone)) return false
    return state !== eventStates.replaced || this.#states.versionOf(order) !== 0
  }

  /** The newest row of its event remembers that there was an earlier one. */
  #loseTrack(order: number): void {
    this.#untraced += 1
    const newest = this.#ids.newestOf(order)
    if (newest !== undefined && newest > order) this.#states.mark(newest, rowMarks.earlier)
  }
}
