/** Many rows into a table, some dozens to a statement: the way into the library costs more than the row. */
import type { Value } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'

/** Rows of one statement. A fixed number, so that two statements are prepared and not one for each count. */
const ROWS = 32

/** `head` ends before `VALUES`; each row has `columns` values. */
export function insertRows(
  store: Store,
  head: string,
  columns: number,
  rows: readonly (readonly Value[])[],
): void {
  const one = `(${Array(columns).fill('?').join(', ')})`
  const many = `${head} VALUES ${Array(ROWS).fill(one).join(', ')}`
  const whole = rows.length - (rows.length % ROWS)
  for (let from = 0; from < whole; from += ROWS)
    store.run(many, ...rows.slice(from, from + ROWS).flat())
  for (const row of rows.slice(whole)) store.run(`${head} VALUES ${one}`, ...row)
}
