/**
 * The positions of one source in a checkpoint that no process has open: reading them, and setting them for a person.
 */
import type { Positions } from '../contracts/source.ts'
import { failure } from '../platform/errors.ts'
import type { Store } from '../platform/store/store.ts'
import { fact, setFact, stampOf } from './tables/states.ts'
import { checkRow, rowSum } from './tables/row-sum.ts'

/** Throws CHECKPOINT_MISSING if no trainer has saved one yet. */
export function savedPositions(store: Store, source: string): Positions {
  if (fact(store, 'identity') === undefined)
    throw failure('CHECKPOINT_MISSING', `${store.path} has no checkpoint: nothing was read yet`)
  const rows = store.all(
    'SELECT source, partition, next, sum FROM positions WHERE source = ?',
    source,
  )
  const place = { path: store.path, what: `the position of ${source}` }
  const positions = rows.map((row) => {
    const [partition, next] = [row.text('partition'), row.text('next')]
    checkRow(row, place, source, partition, next)
    return [partition, next] as const
  })
  return Object.fromEntries(positions)
}

/** In one transaction. The checkpoint becomes later than each copy of it, which would bring the old positions back. */
export function movePositions(store: Store, source: string, positions: Positions): void {
  const put = 'INSERT OR REPLACE INTO positions (source, partition, next, sum) VALUES (?, ?, ?, ?)'
  store.transaction(() => {
    const { epoch, sequence } = stampOf(store)
    setFact(store, 'stamp', { epoch, sequence: sequence + 1 })
    for (const [partition, next] of Object.entries(positions))
      store.run(put, source, partition, next, rowSum(source, partition, next))
  })
}
