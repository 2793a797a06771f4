/**
 * What became of each event that was accepted: the version that learned it, and what a rollback, a retraction or a newer
 * signal did to it since. A receipt is answered from it, and a rollback finds in it everything that a version has
 * learned. Part of the checkpoint.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { isMeant, type Meant } from '../../intake/retraction.ts'
import type { LoadedLog, LogChange, LoggedRollback } from './contract.ts'
import { EventRows, type EventRowsParts, type KnownRow, type NewRow } from './event-rows.ts'
import type { EventNote, LoggedRow } from '../example-pack.ts'
import { RelearnQueue } from './relearn-queue.ts'
import type { OrderedRow } from './row-contents.ts'
import { eventStates, isHeld, isUndone, type EventCounts, type EventState } from './states.ts'
import { VersionTree } from './version-tree.ts'

export class EventLog {
  readonly #rows: EventRows
  readonly #versions = new VersionTree()
  readonly #rollbacks = new Rollbacks()
  readonly #again: RelearnQueue
  #rewrites = 0
  #rewrite: ((example: Example) => Example) | undefined

  constructor(parts: EventRowsParts) {
    this.#rows = new EventRows(parts)
    this.#again = new RelearnQueue(this.#rows)
  }

  // ── Rows ──

  get size(): number {
    return this.#rows.size
  }

  get bytes(): number {
    return this.#rows.bytes
  }

  /** How many rows fell out of it that a version may have learned. */
  get untraced(): number {
    return this.#rows.untraced
  }

  /** How many events fell out that a version may have learned. One that was learned again had several rows. */
  get lost(): number {
    return Math.min(this.#rows.untraced, this.#rows.older)
  }

  /** Whether an earlier row of an event fell out that a version may have learned. */
  hasEarlier(key: ExampleKey): boolean {
    return this.#rows.hasEarlier(key)
  }

  /** No version is left that has learned a row that fell out. */
  nothingLearned(): void {
    this.#rows.nothingLearned()
  }

  get counts(): EventCounts {
    return this.#rows.counts
  }

  stateOf(key: ExampleKey): EventState | undefined {
    return this.#rows.stateOf(key)
  }

  /** Rows from `from` on, oldest first, with their content. */
  rows(from?: number): Generator<OrderedRow> {
    return this.#rows.rows(from)
  }

  /** Every row, oldest first, without its content. */
  known(): Generator<KnownRow> {
    return this.#rows.known()
  }

  /** Adds a row for an event that came, or came again. Call it before the event is known as accepted. */
  add(row: NewRow): void {
    this.#rows.add(row)
  }

  /** Changes the state of an event; returns whether it has a row. */
  mark(key: ExampleKey, state: EventState): boolean {
    return this.#rows.mark(key, state)
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
    this.#versions.add(version, parent, this.#rows.end)
  }

  /** An update has made `version` from all pending rows. Returns how many of them an earlier version had learned. */
  learned(version: string): number {
    return this.#rows.learned(this.#versions.idOf(version))
  }

  /** The version that learned an event, even if a rollback has undone that since. */
  learnedBy(key: ExampleKey): string | undefined {
    const order = this.#rows.orderOf(key)
    return order === undefined ? undefined : this.#versions.nameOf(this.#rows.versionOf(order))
  }

  // ── Rollbacks ──

  /** The learner is now `version`: rows that it learned and a rollback had set aside are learned again. */
  wentTo(version: string): void {
    const line = this.#versions.lineOf(version)
    const rows = this.#rows
    for (let order = rows.begin; order < rows.end; order += 1)
      if (isUndone(rows.at(order)) && line.has(rows.versionOf(order)))
        rows.set(order, eventStates.learned)
  }

  /** The rows that were learned but not by `version`, `also` or their ancestors, oldest first. */
  *learnedSince(version: string, also: readonly string[] = []): Generator<OrderedRow> {
    const line = new Set([version, ...also].flatMap((each) => [...this.#versions.lineOf(each)]))
    const isLost = (order: number) =>
      isLearnable(this.#rows.at(order)) && !line.has(this.#rows.versionOf(order))
    let first = this.#rows.begin
    while (first < this.#rows.end && !isLost(first)) first += 1
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
    if (isNewer && this.#isLearned(row.key)) return
    if (!this.mark(row.key, eventStates.set_aside))
      this.add({ ...row, state: eventStates.set_aside })
    this.#rows.setAsideBy(row.key, this.#rollbacks.next - 1)
  }

  /** Changes the state of an event that was set aside or quarantined. */
  wasSetAside(key: ExampleKey, state: EventState): void {
    const before = this.stateOf(key)
    if (before === eventStates.set_aside || before === eventStates.quarantined)
      this.mark(key, state)
  }

  #isLearned(key: ExampleKey): boolean {
    const state = this.stateOf(key)
    return state === eventStates.learned || state === eventStates.held_out
  }

  // ── Retractions, and requests to forget ──

  /** Removes the content of an event from all of its rows. */
  erase(key: ExampleKey, state: EventState): void {
    this.#rows.erase(key, state)
  }

  /** Removes content, key and note from these rows. An event is forgotten when its newest row is one of them. */
  forget(orders: readonly number[]): void {
    this.#rows.forget(orders)
  }

  /** The rows that are learned again because something was forgotten. */
  get again(): Pick<RelearnQueue, 'size' | 'start' | 'known' | 'next'> {
    return this.#again
  }

  /** The events that speak of a prediction with their newest row. */
  about(predictionId: string): readonly ExampleKey[] {
    return this.#rows.about(predictionId)
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

  get change(): LogChange {
    const { begin, end, older, untraced } = this.#rows
    const rollbacks = this.#rollbacks.change
    return {
      facts: {
        ...{ begin, end, older, untraced },
        nextVersion: this.#versions.next,
        nextRollback: this.#rollbacks.next,
        rewrites: this.#rewrites,
      },
      ...this.#rows.change,
      versions: this.#versions.fresh,
      versionsFrom: this.#rows.oldestVersion,
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

  saved(): void {
    this.#versions.forgetBelow(this.#rows.oldestVersion)
    this.#rollbacks.saved()
    this.#rewrite = undefined
    this.#rows.saved()
    this.#versions.saved()
  }

  restore(loaded: LoadedLog): void {
    const { facts, versions, rollbacks } = loaded
    this.#rows.restore(loaded)
    this.#again.restore()
    this.#versions.restore(versions, facts.nextVersion)
    this.#rollbacks.restore(rollbacks, facts.nextRollback)
    this.#rewrites = facts.rewrites
    // As after a save: the table itself removes old versions only now and then.
    this.#versions.forgetBelow(this.#rows.oldestVersion)
  }
}

/** A version has learned it, or had learned it and is about to learn it again. */
function isLearnable(state: EventState): boolean {
  return state === eventStates.learned || state === eventStates.relearning
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
