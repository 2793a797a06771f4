/** Reads and removes dead letters, for people: pages newest first, one by its number, and removal by number or code. */
import type { DeadLetter } from '../../contracts/connector.ts'
import type { Row } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'

export interface NumberedLetter {
  readonly number: number
  readonly letter: DeadLetter
}

export interface LetterQuery {
  readonly limit: number
  /** Only letters with a smaller number. */
  readonly before?: number | undefined
  readonly code?: string | undefined
}

export interface DeadLetterPages {
  /** Newest first. */
  page(query: LetterQuery): readonly NumberedLetter[]
  find(number: number): NumberedLetter | undefined
  /** Returns how many of these existed. */
  remove(numbers: readonly number[]): number | Promise<number>
  /** Letters kept now, by code. */
  kept(): Readonly<Record<string, number>>
}

export function pagesIn(store: Store, letterOf: (row: Row) => DeadLetter): DeadLetterPages {
  const numbered = (row: Row) => ({ number: row.number('number'), letter: letterOf(row) })
  return {
    page({ limit, before, code }) {
      const upTo = before ?? Number.MAX_SAFE_INTEGER
      const all = 'SELECT * FROM letters WHERE number < ? ORDER BY number DESC LIMIT ?'
      if (code === undefined) return store.all(all, upTo, limit).map(numbered)
      const some =
        'SELECT * FROM letters WHERE code = ? AND number < ? ORDER BY number DESC LIMIT ?'
      return store.all(some, code, upTo, limit).map(numbered)
    },
    find(number) {
      const row = store.get('SELECT * FROM letters WHERE number = ?', number)
      return row && numbered(row)
    },
    remove: (numbers) =>
      store.transaction(() =>
        numbers.reduce(
          (sum, number) => sum + store.run('DELETE FROM letters WHERE number = ?', number),
          0,
        ),
      ),
    kept: () =>
      Object.fromEntries(
        store
          .all('SELECT code, count(*) AS count FROM letters GROUP BY code ORDER BY code')
          .map((row) => [row.text('code'), row.number('count')]),
      ),
  }
}
