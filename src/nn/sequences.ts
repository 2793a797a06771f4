/**
 * Rows of several sequences, such as a prompt with each of two answers: every sequence is computed by itself, as if it were a row,
 * and the row keeps what they give one after the other.
 */
import { idsOf } from '../payloads/rows.ts'
import type { EncodedRow, Latent, LatentSequence } from '../contracts/network.ts'
import { invariant } from '../platform/errors.ts'

/** The latent of a row from those of its sequences. The last token of each predicts nothing, and is not computed. */
export async function latentOfRow(
  row: EncodedRow,
  compute: (row: EncodedRow) => Promise<Latent>,
): Promise<Latent> {
  if (row.sequences === undefined) return compute(row)
  const parts: { readonly ids: Int32Array; readonly from: number; readonly answer: Int32Array }[] =
    []
  let at = 0
  for (const { length, answerFrom } of row.sequences) {
    invariant(answerFrom >= 1 && answerFrom < length, 'a sequence has a prompt and an answer')
    const ids = idsOf(row).slice(at, at + length)
    parts.push({ ids: ids.slice(0, -1), from: answerFrom - 1, answer: ids.slice(answerFrom) })
    at += length
  }
  const latents = await Promise.all(parts.map(({ ids }) => compute({ data: ids })))
  const sequences = parts.map(({ ids, from, answer }): LatentSequence => {
    return { positions: ids.length, from, answer }
  })
  return { ...joined(latents), sequences, ...(row.isCompared && { isCompared: true }) }
}

function joined(latents: readonly Latent[]): Latent {
  const [first] = latents
  invariant(first !== undefined, 'a row has a sequence')
  if (latents.length === 1) return first
  const data = new Float32Array(latents.reduce((sum, each) => sum + each.data.length, 0))
  let at = 0
  for (const latent of latents) {
    data.set(latent.data, at)
    at += latent.data.length
  }
  return { positions: data.length / first.width, width: first.width, data }
}

/** The other way: each sequence of the rows as a latent of its own, sharing their memory. */
export function sequencesOf(rows: readonly Latent[]): readonly (Latent & LatentSequence)[] {
  return rows.flatMap(({ sequences, width, data }) => {
    invariant(sequences !== undefined, 'a row without sequences has no answers')
    let at = 0
    return sequences.map((sequence) => {
      const from = at * width
      at += sequence.positions
      return { ...sequence, width, data: data.subarray(from, at * width) }
    })
  })
}
