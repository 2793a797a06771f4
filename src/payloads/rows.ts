/**
 * An encoded row as engines, stores and people see it. Its numbers are ids of tokens or values: all that sets the two
 * apart is in this file, and nothing compares rows in another way.
 */
import type { EncodedRow } from '../contracts/network.ts'
import { failure, invariant } from '../platform/errors.ts'

export function hasIds(row: EncodedRow): boolean {
  return row.data instanceof Int32Array
}

export function idsOf({ data }: EncodedRow): Int32Array {
  invariant(data instanceof Int32Array, 'a text has ids of tokens')
  return data
}

export function valuesOf({ data }: EncodedRow): Float32Array {
  invariant(data instanceof Float32Array, 'a row of values')
  return data
}

/**
 * The positions of a row without padding: its tokens, or those of its values. A text without tokens counts as one unknown token, id 0, in
 * trainer and server.
 */
export function positionsOf(row: EncodedRow): number {
  return hasIds(row) ? Math.max(1, row.data.length) : (row.positions ?? 1)
}

/** Its length before it was cut. */
export function wholeLength({ data, dropped = 0 }: EncodedRow): number {
  return data.length + dropped
}

/** Both with the same numbers, and the same facts beside them. */
export function isSameRow(one: EncodedRow, other: EncodedRow): boolean {
  const [a, b] = [one.data, other.data]
  return (
    headerOf(one) === headerOf(other) &&
    a.length === b.length &&
    a.every((value, at) => value === b[at])
  )
}

/** For people, in a dead letter. */
export function shownRow(row: EncodedRow): Readonly<Record<string, readonly number[]>> {
  return hasIds(row) ? { tokens: [...row.data] } : { vector: [...row.data] }
}

const [TOKENS, VECTOR, COMPARED, PAIR] = ['tokens', 'vector', 'compared', 'pair']

/**
 * All but its numbers as text, for a column of the checkpoint: `tokens` or `vector`, of values at several positions `vector 49`, and of a row of sequences the length
 * of each and where its answer begins: `tokens 12:7 15:7`, or `tokens compared 12:7`; of two texts where the second begins: `tokens pair 9`.
 */
export function headerOf(row: EncodedRow): string {
  if (!hasIds(row))
    return [VECTOR, ...(row.positions === undefined ? [] : [row.positions])].join(' ')
  const { sequences = [], isCompared, secondFrom } = row
  if (secondFrom !== undefined) return `${TOKENS} ${PAIR} ${secondFrom}`
  const parts = sequences.map(({ length, answerFrom }) => `${length}:${answerFrom}`)
  return [TOKENS, ...(isCompared ? [COMPARED] : []), ...parts].join(' ')
}

export function rowOf(header: string, buffer: ArrayBuffer): EncodedRow {
  if (header === VECTOR) return { data: new Float32Array(buffer) }
  const positions = Number(/^vector ([1-9]\d{0,9})$/.exec(header)?.[1] ?? 0)
  if (positions > 0) {
    const data = new Float32Array(buffer)
    if (data.length % positions === 0) return { data, positions }
    throw failure('STORE_CORRUPT', `a row of ${data.length} values at ${positions} positions`)
  }
  const data = new Int32Array(buffer)
  if (header === TOKENS) return { data }
  const secondFrom = Number(/^tokens pair (\d{1,9})$/.exec(header)?.[1] ?? NaN)
  if (secondFrom <= data.length) return { data, secondFrom }
  const [kind, ...words] = header.split(' ')
  const isCompared = words[0] === COMPARED
  const sequences = words.slice(Number(isCompared)).map((word) => {
    const [length = 0, answerFrom = 0] = word.split(':').map(Number)
    return { length, answerFrom }
  })
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0)
  if (kind !== TOKENS || tokens !== data.length)
    throw failure('STORE_CORRUPT', `a row of ${data.length} tokens says that it is ${header}`)
  return { data, sequences, ...(isCompared && { isCompared }) }
}
