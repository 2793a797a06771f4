/**
 * One row of a store, read by column with the type that the caller expects.
 *
 * SQLite accepts any type in any column, so a wrong type means an altered file: an error that names the column, never a
 * cast.
 */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../errors.ts'

/** The values that a column holds and a statement binds. */
export type Value = string | number | Uint8Array | null

export class Row {
  readonly #columns: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(columns: Readonly<Record<string, unknown>>, path: string) {
    this.#columns = columns
    this.#path = path
  }

  text(column: string): string {
    const value = this.#columns[column]
    return typeof value === 'string' ? value : this.#refuse(column, 'text')
  }

  number(column: string): number {
    const value = this.#columns[column]
    return typeof value === 'number' ? value : this.#refuse(column, 'a number')
  }

  /** A copy that belongs to the caller. */
  bytes(column: string): Uint8Array {
    const value = this.#columns[column]
    if (value instanceof ArrayBuffer) return new Uint8Array(value)
    return this.#refuse(column, 'bytes')
  }

  json(column: string): Json {
    const text = this.text(column)
    try {
      return JSON.parse(text) as Json
    } catch {
      return this.#refuse(column, 'JSON')
    }
  }

  textOrNull(column: string): string | null {
    return this.#columns[column] === null ? null : this.text(column)
  }

  jsonOrNull(column: string): Json {
    return this.#columns[column] === null ? null : this.json(column)
  }

  numberOrNull(column: string): number | null {
    return this.#columns[column] === null ? null : this.number(column)
  }

  bytesOrNull(column: string): Uint8Array | null {
    return this.#columns[column] === null ? null : this.bytes(column)
  }

  #refuse(column: string, wanted: string): never {
    const found = column in this.#columns ? typeof this.#columns[column] : 'no such column'
    throw failure('STORE_CORRUPT', `${this.#path}: ${column} should be ${wanted}, found ${found}`, {
      details: { path: this.#path, column },
    })
  }
}
