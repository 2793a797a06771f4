/** Held-out examples in the checkpoint: one row each, written when it is added or replaced. Their order means nothing. */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Store } from '../../platform/store/store.ts'
import { packExamples, unpackExamples } from '../example-pack.ts'
import { insertRows } from './insert-rows.ts'
import { checkRow, summed } from './row-sum.ts'
import { bytesOf, shown } from './rows.ts'

export class HeldOutTable {
  readonly #store: Store
  /** As saved. */
  #saved: ReadonlyMap<ExampleKey, Example> = new Map()
  /** As written in the transaction that is still open. */
  #next: ReadonlyMap<ExampleKey, Example> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The stored content: read at the start, and after a failure. */
  load(): readonly Example[] {
    this.#next = undefined
    const rows = this.#store.all('SELECT key, header, data, sum FROM held_out ORDER BY key')
    const examples = rows.flatMap((row) => {
      const [key, header, data] = [row.bytes('key'), row.text('header'), row.bytes('data')]
      const what = `the held-out example ${shown(key)}`
      checkRow(row, { path: this.#store.path, what }, key, header, data)
      return unpackExamples({ header, data })
    })
    this.#saved = byKey(examples)
    return examples
  }

  write(examples: readonly Example[]): void {
    const next = byKey(examples)
    for (const key of this.#saved.keys())
      if (!next.has(key)) this.#store.run('DELETE FROM held_out WHERE key = ?', bytesOf(key))
    const changed = examples.filter((example) => this.#saved.get(example.key) !== example)
    const values = changed.map((example) => {
      const { header, data } = packExamples([example])
      return summed([bytesOf(example.key), header, data])
    })
    insertRows(this.#store, 'INSERT OR REPLACE INTO held_out (key, header, data, sum)', 4, values)
    this.#next = next
  }

  clear(): void {
    this.#store.run('DELETE FROM held_out')
    this.#saved = new Map()
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#saved = this.#next ?? this.#saved
    this.#next = undefined
  }
}

function byKey(examples: readonly Example[]): ReadonlyMap<ExampleKey, Example> {
  return new Map(examples.map((example) => [example.key, example]))
}
