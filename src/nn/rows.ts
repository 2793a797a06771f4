/** Rows as graphs and steps read them: padded side by side, packed end to end, or as several sequences. */
import { keyed } from '../payloads/reading.ts'
import { hasIds, idsOf, positionsOf, valuesOf } from '../payloads/rows.ts'
import type { EncodedRow, Latent, LatentSequence } from '../contracts/network.ts'
import { invariant } from '../platform/errors.ts'
import type { Base } from '../contracts/base.ts'
import type { Feeds } from './onnx/session.ts'

/** How latents are computed. */
export interface RowReader {
  whole(row: EncodedRow): Promise<Latent>
  /** Of what texts begin with, then of what each has behind it, which may be nothing. Absent = texts are read whole. */
  once?(beginning: EncodedRow, ends: readonly Int32Array[]): Promise<readonly Latent[]>
}

/** Shorter beginnings are read with each text: a run costs about what so many positions cost. */
const LEAST_SHARED = 16

/**
 * The latent of a row from those of its sequences, such as a prompt with each of two answers: the beginning that all share is
 * computed once, or kept of the first one. The last token of each predicts nothing, and is not computed.
 */
export async function latentOfRow(row: EncodedRow, reader: RowReader): Promise<Latent> {
  if (row.sequences === undefined) return reader.whole(row)
  const parts: { readonly ids: Int32Array; readonly from: number; readonly answer: Int32Array }[] =
    []
  let at = 0
  for (const { length, answerFrom } of row.sequences) {
    invariant(answerFrom >= 1 && answerFrom < length, 'a sequence has a prompt and an answer')
    const ids = idsOf(row).slice(at, at + length)
    parts.push({ ids: ids.slice(0, -1), from: answerFrom - 1, answer: ids.slice(answerFrom) })
    at += length
  }
  const sequences = parts.map(({ ids, from, answer }): LatentSequence => {
    return { positions: ids.length, from, answer }
  })
  const texts = parts.map(({ ids }) => ids)
  const shared = sharedBeginning(texts)
  const latent = joined(await latentsOf(texts, shared, reader))
  return { ...latent, shared, sequences, ...(row.isCompared && { isCompared: true }) }
}

/** Parts of the row, in order: the shared beginning, with or without the rest of the first text, and what each further one has of its own. */
async function latentsOf(
  texts: readonly Int32Array[],
  shared: number,
  reader: RowReader,
): Promise<readonly Latent[]> {
  const [first] = texts
  if (first !== undefined && texts.length > 1 && shared >= LEAST_SHARED && reader.once) {
    const ends = texts.map((ids) => ids.subarray(shared))
    return reader.once({ data: first.subarray(0, shared) }, ends)
  }
  const whole = await Promise.all(texts.map((data) => reader.whole({ data })))
  return whole.map((latent, at) => {
    const { data, width, positions } = latent
    return at === 0
      ? latent
      : { width, positions: positions - shared, data: data.subarray(shared * width) }
  })
}

/** How many leading tokens are the same in all. */
function sharedBeginning([first, ...others]: readonly Int32Array[]): number {
  invariant(first !== undefined, 'a row has a sequence')
  const end = first.findIndex((id, at) => others.some((ids) => ids[at] !== id))
  return end === -1 ? first.length : end
}

function joined(latents: readonly Latent[]): Latent {
  const [first] = latents
  invariant(first !== undefined, 'a row has a sequence')
  if (latents.length === 1) return first
  const { width } = first
  const positions = latents.reduce((sum, each) => sum + each.positions, 0)
  const data = new Float32Array(positions * width)
  let at = 0
  for (const part of latents) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { positions, width, data }
}

/**
 * Rows in the form that the graphs read: side by side, padded to one length, with a mask for the real positions.
 */
const LENGTH_STEP = 4

/** The positions of a row in a server's run: with padding to whole steps. Values have as many in every row, and no padding. */
export function paddedPositions(row: EncodedRow): number {
  return hasIds(row) ? paddedLength(positionsOf(row)) : positionsOf(row)
}

function paddedLength(tokens: number): number {
  return Math.ceil(tokens / LENGTH_STEP) * LENGTH_STEP
}

/**
 * `ids` [b, positions] or `values` [b, positions, width], and `mask` [b, positions]; of two texts what their network reads beside
 * them. All rows are of one kind.
 */
export function feedsOf(
  rows: readonly EncodedRow[],
  positions: number,
  { pairs, quantize }: Pick<Base, 'pairs' | 'quantize'>,
): Feeds {
  const [first] = rows
  invariant(first, 'a run has at least one row')
  if (pairs === 'apart') return feedsOfPairs(rows, quantize !== undefined)
  if (hasIds(first)) {
    const feeds = tokensOf(rows.map(idsOf), positions)
    return pairs === undefined ? feeds : { ...feeds, types: typesOf(rows, positions) }
  }
  const mask = new Float32Array(rows.length * positions)
  rows.forEach((row, at) => {
    mask.fill(1, at * positions, at * positions + positionsOf(row))
  })
  return { mask: { shape: [rows.length, positions], data: mask }, values: vectors(rows, positions) }
}

/** A text without tokens counts as one unknown token, id 0. */
function tokensOf(texts: readonly Int32Array[], positions: number) {
  const shape = [texts.length, positions]
  const ids = new Int32Array(texts.length * positions)
  const mask = new Float32Array(texts.length * positions)
  for (const [at, text] of texts.entries()) {
    ids.set(text, at * positions)
    mask.fill(1, at * positions, at * positions + Math.max(1, text.length))
  }
  return { mask: { shape, data: mask }, ids: { shape, data: ids } }
}

function typesOf(rows: readonly EncodedRow[], positions: number) {
  const data = new Int32Array(rows.length * positions)
  for (const [at, { data: tokens, secondFrom = tokens.length }] of rows.entries())
    data.fill(1, at * positions + secondFrom, at * positions + tokens.length)
  return { shape: [rows.length, positions], data }
}

/** The texts of one side, padded to whole steps; where all of them are as long, only if `pads`. */
function feedsOfPairs(rows: readonly EncodedRow[], pads: boolean): Feeds {
  const side = (which: 0 | 1) => {
    const texts = rows.map((row) => textsOf(row)[which])
    const lengths = texts.map(({ length }) => Math.max(1, length))
    const isAlike = lengths.every((length) => length === lengths[0])
    const longest = Math.max(...lengths)
    return tokensOf(texts, isAlike && !pads ? longest : paddedLength(longest))
  }
  const [{ ids, mask }, second] = [side(0), side(1)]
  return { ids, mask, second_ids: second.ids, second_mask: second.mask }
}

function textsOf(row: EncodedRow): readonly [Int32Array, Int32Array] {
  const ids = idsOf(row)
  const { secondFrom = ids.length } = row
  return [ids.subarray(0, secondFrom), ids.subarray(secondFrom)]
}

function vectors(rows: readonly EncodedRow[], positions: number) {
  const size = rows[0]?.data.length ?? 0
  const data = new Float32Array(rows.length * size)
  rows.forEach((row, at) => {
    const values = valuesOf(row)
    invariant(values.length === size, 'vectors of different widths in one run')
    data.set(values, at * size)
  })
  return { shape: [rows.length, positions, size / positions], data }
}

/**
 * Where the positions of packed rows, end to end, lie when the rows are side by side, padded to the longest.
 *
 * Among rows · longest: the place of each of the positions, in their order.
 */
export function packedPlaces(lengths: readonly number[]): Int32Array {
  const longest = Math.max(0, ...lengths)
  const places = new Int32Array(lengths.reduce((sum, length) => sum + length, 0))
  let next = 0
  for (const [row, length] of lengths.entries())
    for (let position = 0; position < length; position += 1) {
      places[next] = row * longest + position
      next += 1
    }
  return places
}

/**
 * A row of any base, to run its network once: to warm an engine up, or to see whether a version answers.
 */
export function sampleRow(base: Base, maxTokens: number): EncodedRow {
  const { rows, network, places } = base
  const [kind] = base.reads
  if (places !== undefined) {
    const { positions, width } = places
    return { data: new Float32Array(positions * width).fill(1), positions }
  }
  // A base of numbers may refuse the example, because its own schema has other names.
  return kind === undefined || rows === 'values'
    ? { data: new Float32Array(network.latentWidth(0)).fill(1) }
    : base.encode({ ...keyed(kind, kind.example), kind: kind.name }, maxTokens)
}
