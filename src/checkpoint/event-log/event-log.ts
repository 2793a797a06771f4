/**
 * What became of each event that was accepted: the version that learned it, and what a rollback, a retraction or a newer
 * signal did to it since. A receipt is answered from it, and a rollback finds in it everything that a version has
 * learned. Part of the checkpoint.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { isMeant, type Meant } from '../../intake/retraction.ts'
import type { EventNote, LoggedRow } from '../example-pack.ts'
import type { LoadedLog, LogChange, LoggedRollback } from './contract.ts'
import { EventRows, type EventRowsParts, type KnownRow } from './event-rows.ts'
import type { OrderedRow } from './row-contents.ts'
import { eventStates, isHeld, isUndone, type EventState } from './states.ts'
import { rowMarks } from './row-states.ts'
import { type LoggedVersion, VersionTree } from './version-tree.ts'

export class EventLog extends EventRows {
  readonly #versions = new VersionTree()
  readonly #rollbacks = new Rollbacks()
  readonly #again: RelearnQueue
  #rewrites = 0
  #rewrite: ((example: Example) => Example) | undefined

  constructor(parts: EventRowsParts) {
    super(parts)
    this.#again = new RelearnQueue(this)
  }

  /** How many events fell out that a version may have learned. One that was learned again had several rows. */
  get lost(): number {
    return Math.min(this.untraced, this.older)
  }

  /** A newer signal takes its place. */
  supersede(key: ExampleKey): void {
    const state = this.stateOf(key)
    if (state !== undefined && isHeld(state)) this.mark(key, eventStates.superseded)
  }

  /** It will not be learned; the note says why. */
  reject(key: ExampleKey, { code, message }: EventNote): void {
    this.add({ key, state: eventStates.rejected, note: { code, message } })
  }

  // ── Versions ──

  /** The learner continues from a version that was made elsewhere, from one that is known here. */
  continuesFrom(version: string, parent: string | null): void {
    this.#versions.join(version, parent)
  }

  /** The versions that learned its rows. */
  get versions(): Pick<
    VersionTree,
    'all' | 'get' | 'idOf' | 'ancestry' | 'lineOf' | 'endOf' | 'next'
  > {
    return this.#versions
  }

  published(version: string, parent: string | null): void {
    this.#versions.add(version, parent, this.end, this.takeRemoved())
  }

  /** An update has made `version` from all pending rows. Returns how many of them an earlier version had learned. */
  learned(version: string): number {
    return this.learnPending(this.#versions.idOf(version))
  }

  /** `version` has these rows and no others, whichever versions have learned them: it was made from their sums. */
  takenOver(version: string, orders: readonly number[]): void {
    const id = this.#versions.idOf(version)
    this.#versions.remove(id, [])
    const before = this.summedBy(version)
    const [inherited, present] = [new Set(before), new Set(orders)]
    this.#versions.remove(
      id,
      before.filter((order) => !present.has(order)),
    )
    this.moveTo(
      id,
      orders.filter((order) => !inherited.has(order)),
    )
  }

  /** The version that learned an event, even if a rollback has undone that since. */
  learnedBy(key: ExampleKey): string | undefined {
    const order = this.orderOf(key)
    return order === undefined ? undefined : this.#versions.nameOf(this.versionOf(order))
  }

  /**
   * The rows that a version has learned, as they were when it was made: later corrections and retractions are later versions'.
   *
   *   S(v) = S(parent of v) − removed by v + learned by v
   */
  summedBy(version: string): readonly number[] {
    const line = this.#versions.lineOf(version)
    const removed = new Set([...line].flatMap((id) => this.#versions.get(id)?.removed ?? []))
    const found: number[] = []
    for (let order = this.begin; order < this.end; order += 1)
      if (line.has(this.versionOf(order)) && !removed.has(order)) found.push(order)
    return found
  }

  /** Those of the learner that has gone on from a version, without what was taken out since. */
  summedSince(version: string): readonly number[] {
    return this.summedBy(version).filter((order) => !this.has(order, rowMarks.removed))
  }

  /** The examples of these rows, in their order, as far as they are there. `orders`: ascending. */
  *examplesOf(orders: readonly number[]): Generator<Example> {
    const wanted = new Set(orders)
    for (const { order, example } of this.rows(orders[0] ?? this.end))
      if (example !== undefined && wanted.has(order)) yield example
  }

  // ── Rollbacks ──

  /**
   * The learner is now `version`, without the rows that it is `lacking`: rows that it learned and a rollback had set aside are
   * learned again.
   */
  wentTo(version: string, lacking: readonly number[] = []): void {
    const back = this.takeRemoved().filter((order) => this.at(order) === eventStates.pending)
    this.tookOut([...back, ...lacking])
    const summed = new Set(this.summedSince(version))
    const erased: number[] = []
    for (let order = this.begin; order < this.end; order += 1) {
      if (this.has(order, rowMarks.erased)) erased.push(order)
      else if (isUndone(this.at(order)) && summed.has(order)) this.set(order, eventStates.learned)
    }
    this.keeps(erased, (order) => summed.has(order))
  }

  /** The rows that were learned but not by `version`, `also` or their ancestors, oldest first. */
  *learnedSince(version: string, also: readonly string[] = []): Generator<OrderedRow> {
    const line = new Set([version, ...also].flatMap((each) => [...this.#versions.lineOf(each)]))
    const isLost = (order: number) =>
      isLearnable(this.at(order)) && !line.has(this.versionOf(order))
    let first = this.begin
    while (first < this.end && !isLost(first)) first += 1
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
   * The newest rollback has set an event aside. An event without a row gets one. With `isNewer` the row is a newer signal
   * of an event whose older signal may still be learned: then the event stays learned.
   */
  setAside(row: LoggedRow, { isNewer = false } = {}): void {
    if (isNewer && this.#isTaken(row.key)) return
    if (!this.mark(row.key, eventStates.set_aside))
      this.add({ ...row, state: eventStates.set_aside })
    this.setAsideBy(row.key, this.#rollbacks.next - 1)
  }

  /** Changes the state of an event that was set aside or quarantined. */
  wasSetAside(key: ExampleKey, state: EventState): void {
    const before = this.stateOf(key)
    if (before === eventStates.set_aside || before === eventStates.quarantined)
      this.mark(key, state)
  }

  #isTaken(key: ExampleKey): boolean {
    const { pending, learned, held_out } = eventStates
    const state = this.stateOf(key)
    return state === pending || state === learned || state === held_out
  }

  // ── Retractions, and requests to forget ──

  /** The rows that are learned again because something was forgotten. */
  get again(): Pick<RelearnQueue, 'size' | 'start' | 'known' | 'next'> {
    return this.#again
  }

  /** The accepted events that a retraction means, also those that have left the replay buffer. */
  meant(meant: Meant): readonly ExampleKey[] {
    const isThere = (key: ExampleKey) => {
      const state = this.stateOf(key)
      return state !== undefined && (isHeld(state) || state === eventStates.superseded)
    }
    return [...new Set(this.#meant(meant))].filter(isThere)
  }

  #meant(meant: Meant): readonly ExampleKey[] {
    if (meant.kind !== 'event')
      return [...this.known()].filter((row) => isMeant(meant, row)).map(({ key }) => key)
    const { key, predictionId } = meant
    return predictionId === undefined ? [key] : [key, ...this.about(predictionId)]
  }

  // ── The checkpoint ──

  override get change(): LogChange {
    const { begin, end, older, untraced } = this
    const rollbacks = this.#rollbacks.change
    return {
      facts: {
        ...{ begin, end, older, untraced },
        nextVersion: this.#versions.next,
        nextRollback: this.#rollbacks.next,
        rewrites: this.#rewrites,
      },
      ...super.change,
      versions: this.#versions.fresh,
      versionsFrom: this.oldestVersion,
      ...(rollbacks && { rollbacks }),
      rewrite: this.#rewrite,
    }
  }

  /** With the next save, `change` replaces every stored example. */
  rewrite(change: (example: Example) => Example): void {
    const before = this.#rewrite
    this.#rewrite = before === undefined ? change : (example) => change(before(example))
    this.#rewrites += 1
  }

  override saved(): void {
    this.#versions.forgetBelow(this.oldestVersion)
    this.#rollbacks.saved()
    this.#rewrite = undefined
    super.saved()
    this.#versions.saved()
  }

  override restore(loaded: LoadedLog): void {
    const { facts, versions, rollbacks } = loaded
    super.restore(loaded)
    this.#again.restore()
    this.#versions.restore(versions, facts.nextVersion)
    this.#completeEarlier(versions)
    this.#rollbacks.restore(rollbacks, facts.nextRollback)
    this.#rewrites = facts.rewrites
    // As after a save: the table itself removes old versions only now and then.
    this.#versions.forgetBelow(this.oldestVersion)
  }

  /** Versions of an earlier release do not say what was taken out of them and when: none of it is a part of them. */
  #completeEarlier(versions: readonly LoggedVersion[]): void {
    const removed = new Map<number, number[]>()
    for (const { id, removed: known } of versions) if (known === undefined) removed.set(id, [])
    if (removed.size === 0) return
    for (let order = this.begin; order < this.end; order += 1) {
      const state = this.at(order)
      if (state === eventStates.superseded || (state !== eventStates.learned && !isUndone(state)))
        removed.get(this.versionOf(order))?.push(order)
    }
    for (const [id, orders] of removed) this.#versions.remove(id, orders)
  }
}

/** A version has learned it, or had learned it and is about to learn it again. */
function isLearnable(state: EventState): boolean {
  return state === eventStates.learned || state === eventStates.relearning
}

/**
 * The rows that are learned again after data was forgotten: the learner has gone back to a version without
 * that data, and learns the rest in its old order. The state of each row is in the checkpoint; the queue only
 * remembers their order.
 */
class RelearnQueue {
  readonly #rows: EventRows
  /** Orders of rows, ascending; some may have changed their state since. */
  #orders: number[] = []

  constructor(rows: EventRows) {
    this.#rows = rows
  }

  get size(): number {
    return this.#rows.count(eventStates.relearning)
  }

  /** `orders`: ascending. `isGone`: whether the version with this number was removed for good. */
  start(orders: readonly number[], isGone: (version: number) => boolean): void {
    for (const order of orders) this.#rows.relearn(order, isGone(this.#rows.versionOf(order)))
    this.#orders = [...orders]
  }

  /** Every row that waits, without its content. */
  *known(): Generator<KnownRow> {
    for (const row of this.#rows.known()) if (row.state === eventStates.relearning) yield row
  }

  /** The next rows, at most `count`. They stay in the queue until their state changes. */
  next(count: number): readonly OrderedRow[] {
    const at = this.#orders.findIndex((order) => this.#isDue(order))
    this.#orders = at < 0 ? [] : this.#orders.slice(at)
    const [first] = this.#orders
    const found: OrderedRow[] = []
    if (first === undefined) return found
    for (const row of this.#rows.rows(first)) {
      if (this.#isDue(row.order)) found.push(row)
      if (found.length === count) break
    }
    return found
  }

  /** Reads the queue from the states of the rows. */
  restore(): void {
    this.#orders = []
    for (let order = this.#rows.begin; order < this.#rows.end; order += 1)
      if (this.#isDue(order)) this.#orders.push(order)
  }

  #isDue(order: number): boolean {
    return order >= this.#rows.begin && this.#rows.at(order) === eventStates.relearning
  }
}

const MOST_ROLLBACKS = 100

/** The last rollbacks that have set events aside, so that a receipt can name the one that did it. */
class Rollbacks {
  #all: LoggedRollback[] = []
  #next = 1
  #isChanged = false

  /** The number of the next one; the newest has the one before. */
  get next(): number {
    return this.#next
  }

  wentTo(version: string): boolean {
    return this.#all.some(({ to }) => to === version)
  }

  /** Returns its number. */
  add(to: string, timeMs: number, reason: string): number {
    const id = this.#next
    this.#next += 1
    this.#all = [...this.#all, { id, to, timeMs, reason }].slice(-MOST_ROLLBACKS)
    this.#isChanged = true
    return id
  }

  /** Undefined if they are those of the last save. */
  get change(): readonly LoggedRollback[] | undefined {
    return this.#isChanged ? this.#all : undefined
  }

  saved(): void {
    this.#isChanged = false
  }

  restore(all: readonly LoggedRollback[], next: number): void {
    this.#all = [...all]
    this.#next = next
  }
}
