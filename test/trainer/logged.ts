/**
 * What the event log in a checkpoint says, row by row. A run of rows in it is what one save has added, and saves also
 * come where a restart, an idle moment or the clock asks for one; each row in it is the same wherever that was.
 */
import { createHash } from 'node:crypto'
import type { Store } from '../../src/platform/store/store.ts'
import { HASH_BYTES } from '../../src/intake/dedupe/seen-ids.ts'
import type { LoggedRow } from '../../src/checkpoint/example-pack.ts'
import { packRows } from '../../src/checkpoint/example-pack.ts'
import { factOf, RowFacts } from '../../src/checkpoint/event-log/row-states.ts'
import { stateName } from '../../src/checkpoint/event-log/states.ts'
import { EventLogTable } from '../../src/checkpoint/event-log/table.ts'

export function loggedIn(store: Store) {
  const table = new EventLogTable(store)
  const { facts, runs, blocks, versions, rollbacks } = table.load()
  const { begin, end } = facts
  const numbers = new RowFacts()
  numbers.fit(begin, end)
  for (const { block, bytes } of blocks) numbers.restoreBlock(block, bytes, begin, end)
  const ids = Buffer.concat(runs.map(({ hashes }) => hashes))
  const idOf = (order: number) => {
    const from = (order - (runs[0]?.first ?? 0)) * HASH_BYTES
    return ids.toString('hex', from, from + HASH_BYTES)
  }
  const rows = [...table.rows(begin, end)].map(({ order, ...row }) => {
    const of = (fact: keyof typeof factOf) => numbers.get(order, factOf[fact])
    const said = `${order} ${row.key} ${stateName(of('state'))} in ${of('version')}`
    const more = `rollback ${of('rollback')}, ${of('bytes')} bytes, ${row.note?.code ?? ''}`
    return `${said}, ${more}, ${idOf(order)} ${contentOf(row)}`
  })
  const learned = Array.from({ length: end - begin }, (_, at) =>
    numbers.get(begin + at, factOf.version),
  )
  const oldest = Math.min(...learned.filter((version) => version > 0))
  return {
    facts,
    rows,
    // Those before the oldest that a row names are removed now and then.
    versions: versions
      .filter(({ id }) => id >= oldest)
      .map(({ id, version, parent, end }) => `${id} ${version} after ${parent}, up to ${end}`),
    rollbacks: rollbacks.map(({ id, to, reason }) => `${id} to ${to}: ${reason}`),
  }
}

/** Of the bytes that the checkpoint would have of it, were it alone in its run. */
function contentOf(row: LoggedRow): string {
  const { header, data, rest } = packRows([row])
  const hash = createHash('sha256').update(header).update(data)
  return hash.update(rest ?? '').digest('hex')
}
