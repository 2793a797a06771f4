/**
 * The event log in the checkpoint. `event_log` has the rows of one save in a row, as they came; they are written once,
 * and again only where the content of one has to go. `event_states` has what became of them, in blocks of small numbers,
 * so that an update writes some kilobytes; `event_versions` the versions that these numbers name. The ids of a run lie
 * before its examples and have a checksum of their own: looking for an event reads no examples.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Row, Value } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'
import type { Example } from '../../contracts/example.ts'
import { HASH_BYTES } from '../../intake/dedupe/seen-ids.ts'
import { failure } from '../../platform/errors.ts'
import { checkRow, rowSum, summed } from '../tables/rows.ts'
import { fact, setFact } from '../tables/states.ts'
import { packRows, tracesIn, unpackRows, type LoggedRow, type RowTrace } from '../example-pack.ts'
import { BLOCK, factOf, RowFacts } from './row-states.ts'
import { eventStates } from './states.ts'
import type { LoggedVersion } from './version-tree.ts'
import {
  noLog,
  type LoadedLog,
  type LogChange,
  type LogFacts,
  type LoggedRollback,
} from './contract.ts'

/** The key of a forgotten row: only its hash still identifies the event. */
export const noKey = '' as ExampleKey

/** Rows of one run; few, so that reading one event unpacks few. */
const ROWS = 512

export class EventLogTable {
  readonly #store: Store
  /** The block that the log began in when rows were removed last: now and then many, and not a few with each save. */
  #firstBlock = -1

  constructor(store: Store) {
    this.#store = store
  }

  load(): LoadedLog {
    return {
      facts: logFacts(this.#store),
      runs: this.#runs(),
      blocks: blocksIn(this.#store),
      versions: this.#store
        .all('SELECT id, version, parent, "end", removed, sum FROM event_versions ORDER BY id')
        .map((row) => versionOf(row, this.#store.path)),
      rollbacks: rollbacksIn(this.#store),
    }
  }

  write(change: LogChange): void {
    const { facts, first, fresh, hashes, rollbacks, rewrite } = change
    // A save that is repeated rewrites them once.
    if (rewrite !== undefined && facts.rewrites > logFacts(this.#store).rewrites)
      this.#rewrite(rewrite)
    setFact(this.#store, 'event_log', facts)
    if (rollbacks !== undefined) setFact(this.#store, 'event_rollbacks', rollbacks)
    for (let from = 0; from < fresh.length; from += ROWS) {
      const rows = fresh.slice(from, from + ROWS)
      const ids = hashes.subarray(from * HASH_BYTES, (from + rows.length) * HASH_BYTES)
      this.#put(first + from, ids, rows)
    }
    const bare = new Set(change.bare)
    this.#strip(
      change.stripped.filter((order) => order < first),
      bare,
    )
    const block = 'INSERT OR REPLACE INTO event_states (block, facts, sum) VALUES (?, ?, ?)'
    for (const each of change.blocks)
      this.#store.run(block, ...summed([each.block, each.bytes] as const))
    const version =
      'INSERT OR REPLACE INTO event_versions (id, version, parent, "end", removed, sum) VALUES (?, ?, ?, ?, ?, ?)'
    for (const each of change.versions) this.#store.run(version, ...summed(versionValues(each)))
    const firstBlock = Math.floor(facts.begin / BLOCK)
    if (firstBlock === this.#firstBlock) return
    this.#forget(change)
    this.#firstBlock = firstBlock
  }

  /** The rows [from, to), as far as they are there, in their order. */
  *rows(from: number, to: number): Generator<LoggedRow & { readonly order: number }> {
    for (const { first, rows } of this.#unpacked(from, to, runRows))
      for (const [offset, row] of rows.entries())
        if (first + offset >= from && first + offset < to) yield { ...row, order: first + offset }
  }

  *traces(from: number, to: number): Generator<RowTrace & { readonly order: number }> {
    for (const { first, rows } of this.#unpacked(from, to, runTraces))
      for (const [offset, row] of rows.entries())
        if (first + offset >= from && first + offset < to) yield { ...row, order: first + offset }
  }

  /** The examples that wait for the next update, oldest first: they are nowhere else. */
  pending(): readonly Example[] {
    const orders = pendingOrders(this.#store)
    const [pending, found] = [new Set(orders), [] as Example[]]
    for (const { order, example } of this.rows(orders[0] ?? 0, (orders.at(-1) ?? -1) + 1))
      if (example !== undefined && pending.has(order)) found.push(example)
    return found
  }

  #rewrite(change: (example: Example) => Example): void {
    const firsts = this.#store.all('SELECT first FROM event_log ORDER BY first')
    for (const row of firsts)
      this.#rewriteRun(row.number('first'), ({ example, ...others }) =>
        example === undefined ? others : { ...others, example: change(example) },
      )
  }

  #runs(): LoadedLog['runs'] {
    return runsAfter(this.#store, -1)
  }

  /** One run at a time, so that a long log is never in memory as a whole. */
  *#unpacked<Read>(from: number, to: number, read: (row: Row, path: string) => readonly Read[]) {
    const firsts = this.#store.all(
      'SELECT first FROM event_log WHERE first < ? AND first + count > ? ORDER BY first',
      ...[to, from],
    )
    for (const row of firsts) {
      const first = row.number('first')
      yield { first, rows: read(runAt(this.#store, first), this.#store.path) }
    }
  }

  #put(first: number, hashes: Uint8Array, rows: readonly LoggedRow[]): void {
    const { header, data, rest } = packRows(rows)
    const ids = [first, rows.length, hashes] as const
    const put = `INSERT OR REPLACE INTO event_log (first, count, hashes, ids_sum, header, data, rest, sum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
    this.#store.run(put, ...ids, rowSum(...ids), header, data, rest, rowSum(header, data, rest))
  }

  #strip(orders: readonly number[], bare: ReadonlySet<number>): void {
    const gone = new Set(orders)
    const firsts = new Set<number>()
    for (const order of orders) {
      const sql = 'SELECT max(first) AS first FROM event_log WHERE first <= ?'
      const first = this.#store.get(sql, order)?.numberOrNull('first') ?? null
      if (first !== null) firsts.add(first)
    }
    for (const first of firsts) {
      let order = first
      this.#rewriteRun(first, ({ key, example, note }) => {
        const [isGone, isBare] = [gone.has(order), bare.has(order)]
        order += 1
        if (isBare) return { key: noKey }
        return { key, ...(example && !isGone && { example }), ...(note && { note }) }
      })
    }
  }

  #rewriteRun(first: number, change: (row: LoggedRow) => LoggedRow): void {
    const run = runAt(this.#store, first)
    const { header, data, rest } = packRows(runRows(run, this.#store.path).map(change))
    const put = 'UPDATE event_log SET header = ?, data = ?, rest = ?, sum = ? WHERE first = ?'
    this.#store.run(put, header, data, rest, rowSum(header, data, rest), first)
  }

  #forget({ facts: { begin }, versionsFrom }: LogChange): void {
    // The run with the first row stays whole.
    const from = '(SELECT max(first) FROM event_log WHERE first <= ?)'
    this.#store.run(`DELETE FROM event_log WHERE first < ${from}`, begin)
    this.#store.run('DELETE FROM event_states WHERE block < ?', Math.floor(begin / BLOCK))
    this.#store.run('DELETE FROM event_versions WHERE id < ?', versionsFrom)
  }
}

export function logFacts(store: Store): LogFacts {
  return (fact(store, 'event_log') ?? noLog) as LogFacts
}

/** Of the rows that wait for the next update, oldest first. */
export function pendingOrders(store: Store): readonly number[] {
  const { begin, end } = logFacts(store)
  const facts = new RowFacts()
  facts.fit(begin, end)
  for (const { block, bytes } of blocksIn(store)) facts.restoreBlock(block, bytes, begin, end)
  const found: number[] = []
  for (let order = begin; order < end; order += 1)
    if (facts.get(order, factOf.state) === eventStates.pending) found.push(order)
  return found
}

export function rollbacksIn(store: Store): readonly LoggedRollback[] {
  return (fact(store, 'event_rollbacks') ?? []) as readonly LoggedRollback[]
}

/** The ids of the runs that begin behind `first`. */
export function runsAfter(store: Store, first: number): LoadedLog['runs'] {
  const sql = 'SELECT first, count, hashes, ids_sum FROM event_log WHERE first > ? ORDER BY first'
  return store.all(sql, first).map((row) => {
    const [from, count, hashes] = [row.number('first'), row.number('count'), row.bytes('hashes')]
    const place = { path: store.path, what: `the event log from ${from} on`, column: 'ids_sum' }
    checkRow(row, place, from, count, hashes)
    return { first: from, hashes }
  })
}

export function runAt(store: Store, order: number): Row {
  const sql = `SELECT first, count, header, data, rest, sum FROM event_log
    WHERE first <= ? ORDER BY first DESC LIMIT 1`
  const [row] = store.all(sql, order)
  if (row === undefined) throw missing(store, order)
  return row
}

function missing({ path }: Store, order: number) {
  return failure('STORE_CORRUPT', `${path}: the event log has no row ${order}`)
}

function runRows(row: Row, path: string): readonly LoggedRow[] {
  return unpackRows(row.number('count'), checked(row, path))
}

export function runTraces(row: Row, path: string): readonly RowTrace[] {
  return tracesIn(row.number('count'), checked(row, path))
}

function checked(row: Row, path: string) {
  const [header, data, rest] = [row.text('header'), row.bytes('data'), row.textOrNull('rest')]
  const what = `the event log from ${row.number('first')} on`
  checkRow(row, { path, what }, header, data, rest)
  return { header, data, rest }
}

function blocksIn(store: Store): LoadedLog['blocks'] {
  const sql = 'SELECT block, facts, sum FROM event_states ORDER BY block'
  return store.all(sql).map((row) => blockOf(row, store.path))
}

export function blockOf(row: Row, path: string): LoadedLog['blocks'][number] {
  const [block, bytes] = [row.number('block'), row.bytes('facts')]
  checkRow(row, { path, what: `block ${block} of the event log` }, block, bytes)
  return { block, bytes }
}

function versionOf(row: Row, path: string): LoggedVersion {
  const [id, version] = [row.number('id'), row.text('version')]
  const [parent, end] = [row.number('parent'), row.number('end')]
  const orders = row.textOrNull('removed')
  const place = { path, what: `${version} in the event log` }
  // One of an earlier release has none.
  checkRow(row, place, id, version, parent, end, ...(orders === null ? [] : [orders]))
  const removed = orders === null ? undefined : (JSON.parse(orders) as readonly number[])
  return { id, version, parent, end, removed }
}

function versionValues(row: LoggedVersion): readonly Value[] {
  const { id, version, parent, end, removed = [] } = row
  return [id, version, parent, end, JSON.stringify(removed)]
}
