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
import type { Example } from '../../contracts/task.ts'
import { hashesIn, SeenIds, type IdHash } from '../../intake/dedupe/seen-ids.ts'
import { isMeant, type Meant } from '../../intake/retraction.ts'
import type { EventNote, LoggedRow, RowTrace } from './pack.ts'
import { PredictionIndex } from './prediction-index.ts'
import { BLOCK, factOf, RowFacts } from './row-facts.ts'
import {
  countsOf,
  eventStates,
  isHeld,
  isUndone,
  type EventCounts,
  type EventState,
} from './states.ts'
import { noLog, type LoadedLog, type LogChange, type LoggedRollback } from './contract.ts'
import { noKey } from './table.ts'
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
  /** Of the rows that are in the checkpoint. */
  readonly stored: {
    rows(from: number, to: number): Iterable<LoggedRow & { readonly order: number }>
    traces(from: number, to: number): Iterable<RowTrace & { readonly order: number }>
  }
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

export type OrderedRow = LoggedRow & { readonly order: number }

/** What a row takes besides its example. */
const ROW_BYTES = 128
/** Rollbacks that receipts can name. */
const MOST_ROLLBACKS = 100

export class EventLog {
  readonly #parts: EventLogParts
  readonly #versions = new VersionTree()
  readonly #facts = new RowFacts()
  readonly #predictions: PredictionIndex
  #ids: SeenIds
  #counts: number[] = []
  #bytes = 0
  #begin = 0
  #end = 0
  #older = 0
  #rollbacks: LoggedRollback[] = []
  #nextRollback = 1
  /** The rollbacks are others than at the last save. */
  #isRolledBack = false
  #rewrites = 0
  #rewrite: ((example: Example) => Example) | undefined
  /** No row before it has a version, or will get one. */
  #firstLearned = 0
  /** Orders of rows that wait for the next update; some may have changed since. */
  #pending: number[] = []
  #savedEnd = 0
  #fresh: LoggedRow[] = []
  readonly #stripped = new Set<number>()
  readonly #bare = new Set<number>()
  /** Orders of rows that are learned again, in their order; some may have changed since. */
  #again: number[] = []
  readonly #dirty = new Set<number>()

  constructor(parts: EventLogParts) {
    this.#parts = parts
    this.#ids = new SeenIds(parts.limits.events)
    this.#predictions = new PredictionIndex(() => this.#traces())
  }

  get size(): number {
    return this.#end - this.#begin
  }

  get bytes(): number {
    return this.#bytes
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
    return countsOf(this.#counts, this.#older)
  }

  stateOf(key: ExampleKey): EventState | undefined {
    const order = this.#orderOf(key)
    return order === undefined ? undefined : this.#stateAt(order)
  }

  /** The row of an event that came, or came again. Call it before the event is known as accepted. */
  add({ key, example, note, state }: NewRow): void {
    const before = this.#orderOf(key)
    if (before !== undefined) this.#set(before, eventStates.replaced)
    else if (this.#older > 0 && this.#parts.isKnown(key)) this.#older -= 1
    const order = this.#end
    this.#end += 1
    this.#facts.fit(this.#begin, this.#end)
    this.#ids.add(this.#parts.hashOf(key), 0)
    this.#fresh.push({ key, ...(example && { example }), ...(note && { note }) })
    const bytes = ROW_BYTES + key.length + (example ? this.#parts.sizeOf(example) : 0)
    for (const [fact, value] of [
      [factOf.state, state],
      [factOf.version, 0],
      [factOf.bytes, bytes],
      [factOf.rollback, 0],
    ] as const)
      this.#facts.set(order, fact, value)
    this.#bytes += bytes
    this.#count(state, 1)
    this.#dirty.add(Math.floor(order / BLOCK))
    if (state === eventStates.pending) this.#pending.push(order)
    this.#predictions.add(example?.predictionId, order, this.size)
    this.#overflow()
  }

  /** Another state of an event that has a row. Returns whether it has one. */
  mark(key: ExampleKey, state: EventState): boolean {
    const order = this.#orderOf(key)
    if (order === undefined) return false
    this.#set(order, state)
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
      if (order >= this.#begin) this.#strip(order)
  }

  // ── Versions ──

  published(version: string, parent: string | null): void {
    this.#versions.add(version, parent, this.#end)
  }

  /** An update has made `version` from everything that waited for it. */
  learned(version: string): void {
    const id = this.#versions.idOf(version)
    for (const order of this.#pending) {
      if (order < this.#begin || this.#stateAt(order) !== eventStates.pending) continue
      this.#facts.set(order, factOf.version, id)
      this.#set(order, eventStates.learned)
    }
    this.#pending = []
  }

  /** The version that learned it, whether or not a rollback has undone that since. */
  learnedBy(key: ExampleKey): string | undefined {
    const order = this.#orderOf(key)
    if (order === undefined) return undefined
    return this.#versions.nameOf(this.#facts.get(order, factOf.version))
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
      if (isUndone(this.#stateAt(order)) && line.has(this.#facts.get(order, factOf.version)))
        this.#set(order, eventStates.learned)
  }

  /** In their order, everything that was learned and that `version` has not learned. */
  *learnedSince(version: string): Generator<OrderedRow> {
    const line = this.#versions.lineOf(version)
    const isLost = (order: number) =>
      isLearnable(this.#stateAt(order)) && !line.has(this.#facts.get(order, factOf.version))
    let first = this.#begin
    while (first < this.#end && !isLost(first)) first += 1
    for (const row of this.rows(first)) if (isLost(row.order)) yield row
  }

  /** Whether one of the last rollbacks went to this version. */
  wentBackTo(version: string): boolean {
    return this.#rollbacks.some(({ to }) => to === version)
  }

  /** A rollback to a version begins to set events aside. Returns its number. */
  rolledBack(to: string, timeMs: number, reason: string): number {
    const id = this.#nextRollback
    this.#nextRollback += 1
    this.#rollbacks = [...this.#rollbacks, { id, to, timeMs, reason }].slice(-MOST_ROLLBACKS)
    this.#isRolledBack = true
    return id
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
    if (order !== undefined) this.#facts.set(order, factOf.rollback, this.#nextRollback - 1)
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
    for (const { key, predictionId, timeMs, order } of this.#traces())
      yield {
        ...{ key, order, state: this.#stateAt(order) },
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
        version: this.#facts.get(order, factOf.version),
      }
  }

  /** Content, key and note leave these rows. An event counts as forgotten when its newest row is one of them. */
  forget(orders: readonly number[]): void {
    for (const order of orders) {
      if (order < this.#begin) continue
      if (this.#stateAt(order) !== eventStates.replaced) this.#set(order, eventStates.forgotten)
      if (order >= this.#savedEnd) this.#fresh[order - this.#savedEnd] = { key: noKey }
      else {
        this.#stripped.add(order)
        this.#bare.add(order)
      }
    }
  }

  /** The learner has gone back to before these rows, and learns them again in this order, which is theirs. */
  learnAgain(orders: readonly number[]): void {
    for (const order of orders) this.#set(order, eventStates.relearning)
    this.#again = [...orders]
  }

  /** How many are still to be learned again. */
  get relearning(): number {
    return this.#counts[eventStates.relearning] ?? 0
  }

  /** All of them, without their content. */
  *againRows(): Generator<KnownRow> {
    for (const row of this.known()) if (row.state === eventStates.relearning) yield row
  }

  /** The next of them. */
  nextAgain(count: number): readonly OrderedRow[] {
    const isDue = (order: number) =>
      order >= this.#begin && this.#stateAt(order) === eventStates.relearning
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
      const key = this.#keyAt(order)
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
      return [...this.#traces()].filter((trace) => isMeant(meant, trace)).map(({ key }) => key)
    const { key, predictionId } = meant
    return predictionId === undefined ? [key] : [key, ...this.about(predictionId)]
  }

  // ── The checkpoint ──

  get change(): LogChange {
    const first = Math.max(this.#savedEnd, this.#begin)
    const [begin, end] = [this.#begin, this.#end]
    const blocks = [...this.#dirty].filter((block) => (block + 1) * BLOCK > begin)
    return {
      facts: {
        ...{ begin, end, older: this.#older },
        nextVersion: this.#versions.next,
        nextRollback: this.#nextRollback,
        rewrites: this.#rewrites,
      },
      first,
      fresh: this.#fresh.slice(first - this.#savedEnd),
      hashes: this.#ids.bytesFrom(first),
      blocks: blocks.map((block) => ({ block, bytes: this.#facts.block(block, begin, end) })),
      stripped: [...this.#stripped],
      bare: [...this.#bare],
      versions: this.#versions.fresh,
      versionsFrom: this.#oldestVersion(),
      ...(this.#isRolledBack && { rollbacks: this.#rollbacks }),
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
    this.#isRolledBack = false
    this.#rewrite = undefined
    this.#savedEnd = this.#end
    this.#fresh = []
    this.#stripped.clear()
    this.#bare.clear()
    this.#dirty.clear()
    this.#versions.saved()
  }

  restore({ facts, runs, blocks, versions, rollbacks }: LoadedLog = empty): void {
    const { begin, end } = facts
    this.#begin = begin
    this.#end = this.#savedEnd = end
    this.#older = facts.older
    this.#ids = new SeenIds(this.#parts.limits.events, runs[0]?.first ?? begin)
    for (const { first, hashes } of runs) {
      // More came between two saves than are kept: rows before the gap had already fallen out then.
      if (first > this.#ids.end) this.#ids = new SeenIds(this.#parts.limits.events, first)
      for (const id of hashesIn(hashes)) this.#ids.add(id, 0)
    }
    this.#facts.fit(begin, end)
    for (const { block, bytes } of blocks) this.#facts.restoreBlock(block, bytes, begin, end)
    this.#versions.restore(versions, facts.nextVersion)
    this.#rollbacks = [...rollbacks]
    this.#nextRollback = facts.nextRollback
    this.#rewrites = facts.rewrites
    this.#firstLearned = begin
    this.#fresh = []
    this.#predictions.clear()
    this.#recount()
    this.#overflow()
    // As at the save: the table removes old versions now and then only.
    this.#versions.forgetBelow(this.#oldestVersion())
  }

  #recount(): void {
    this.#counts = []
    this.#pending = []
    this.#again = []
    this.#bytes = 0
    for (let order = this.#begin; order < this.#end; order += 1) {
      const state = this.#stateAt(order)
      this.#count(state, 1)
      this.#bytes += this.#facts.get(order, factOf.bytes)
      if (state === eventStates.pending) this.#pending.push(order)
      if (state === eventStates.relearning) this.#again.push(order)
    }
  }

  /** The newest row of an event, where it is still here. */
  #orderOf(key: ExampleKey): number | undefined {
    const order = this.#ids.find(this.#parts.hashOf(key))?.ordinal
    return order === undefined || order < this.#begin ? undefined : order
  }

  #stateAt(order: number): EventState {
    return this.#facts.get(order, factOf.state) as EventState
  }

  #set(order: number, state: EventState): void {
    const before = this.#stateAt(order)
    this.#count(before, -1)
    this.#count(state, 1)
    this.#facts.set(order, factOf.state, state)
    if (state === eventStates.pending) this.#pending.push(order)
    this.#dirty.add(Math.floor(order / BLOCK))
  }

  #count(state: EventState, by: number): void {
    this.#counts[state] = (this.#counts[state] ?? 0) + by
  }

  #strip(order: number): void {
    if (order < this.#savedEnd) this.#stripped.add(order)
    else {
      const at = order - this.#savedEnd
      const { key, note } = this.#fresh[at] ?? {}
      if (key !== undefined) this.#fresh[at] = { key, ...(note && { note }) }
    }
  }

  /** By rows and not by runs, so that it does not depend on when the checkpoint was saved. */
  #overflow(): void {
    const { events, bytes } = this.#parts.limits
    while (this.size > events || (this.#bytes > bytes && this.size > 1)) {
      const state = this.#stateAt(this.#begin)
      this.#count(state, -1)
      if (state !== eventStates.replaced) this.#older += 1
      this.#bytes -= this.#facts.get(this.#begin, factOf.bytes)
      this.#begin += 1
    }
  }

  /** Rows are learned in their order, so the first one that was learned has the oldest version. */
  #oldestVersion(): number {
    this.#firstLearned = Math.max(this.#firstLearned, this.#begin)
    for (; this.#firstLearned < this.#end; this.#firstLearned += 1) {
      const version = this.#facts.get(this.#firstLearned, factOf.version)
      if (version !== 0) return version
      if (this.#stateAt(this.#firstLearned) === eventStates.pending) return 0
    }
    return 0
  }

  #keyAt(order: number): ExampleKey | undefined {
    if (order >= this.#savedEnd) return this.#fresh[order - this.#savedEnd]?.key
    for (const { key } of this.#parts.stored.traces(order, order + 1)) return key
    return undefined
  }

  /** In their order, with their content. */
  *rows(from = this.#begin): Generator<OrderedRow> {
    yield* this.#parts.stored.rows(Math.max(from, this.#begin), this.#savedEnd)
    for (const [at, row] of this.#fresh.entries())
      if (this.#savedEnd + at >= from) yield { ...row, order: this.#savedEnd + at }
  }

  *#traces(): Generator<RowTrace & { readonly order: number }> {
    yield* this.#parts.stored.traces(this.#begin, this.#savedEnd)
    for (const [at, { key, example }] of this.#fresh.entries())
      yield { ...(example ?? {}), key, order: this.#savedEnd + at }
  }
}

/** A version has learned it, or had learned it and the line is on its way to learn it again. */
function isLearnable(state: EventState): boolean {
  return state === eventStates.learned || state === eventStates.relearning
}

const empty: LoadedLog = { facts: noLog, runs: [], blocks: [], versions: [], rollbacks: [] }
