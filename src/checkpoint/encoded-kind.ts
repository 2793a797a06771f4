/**
 * The kind of an encoded row as text, for a column of the checkpoint: `tokens` or `vector`, and of a row of sequences the length of
 * each and where its answer begins: `tokens 12:7 15:7`, or `tokens compared 12:7`.
 */
import type { Encoded } from '../contracts/network.ts'
import { failure } from '../platform/errors.ts'

export function kindText(encoded: Encoded): string {
  if (encoded.kind === 'vector') return encoded.kind
  const { kind, sequences = [], isCompared } = encoded
  const parts = sequences.map(({ length, answerFrom }) => `${length}:${answerFrom}`)
  return [kind, ...(isCompared ? [COMPARED] : []), ...parts].join(' ')
}

const COMPARED = 'compared'

export function encodedOf(text: string, buffer: ArrayBuffer): Encoded {
  if (text === 'vector') return { kind: 'vector', values: new Float32Array(buffer) }
  const ids = new Int32Array(buffer)
  if (text === 'tokens') return { kind: 'tokens', ids }
  const [kind, ...words] = text.split(' ')
  const isCompared = words[0] === COMPARED
  const sequences = words.slice(Number(isCompared)).map((word) => {
    const [length = 0, answerFrom = 0] = word.split(':').map(Number)
    return { length, answerFrom }
  })
  const tokens = sequences.reduce((sum, { length }) => sum + length, 0)
  if (kind !== 'tokens' || tokens !== ids.length)
    throw failure('STORE_CORRUPT', `a row of ${ids.length} tokens says that it is ${text}`)
  return { kind, ids, sequences, ...(isCompared && { isCompared }) }
}
