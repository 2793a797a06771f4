/**
 * A static encoder: one vector a token, without a network. The embedding of a text is the mean of its tokens' vectors at unit
 * length, so it costs little more than to cut the text, and its words count without their order.
 *
 * Read are folders as Model2Vec and WordLlama publish them: `tokenizer.json`, and one table of vectors in `model.safetensors`.
 *
 * Arora, Liang and Ma (2017), "A simple but tough-to-beat baseline for sentence embeddings", ICLR; Tulkens and van Dongen (2024),
 * "Model2Vec".
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import type { Tensor } from '../../contracts/core.ts'
import { areFinite, toFloat32 } from '../../nn/containers/floats.ts'
import { readSafetensors, type StoredTensor } from '../../nn/containers/safetensors.ts'
import { text } from '../../payloads/inputs/text.ts'
import { failure } from '../../platform/errors.ts'
import { embeddedNetwork } from '../embedded-network.ts'
import { hashBase, listedFolder, readJsonFile, refusePickles } from '../folder.ts'
import { readText } from '../text-base.ts'
import { openTokenizer, tryTokenizer } from '../tokenizer.ts'

const WEIGHTS = 'model.safetensors'
/** Of Model2Vec, and of WordLlama. */
const TABLES = ['embeddings', 'embedding.weight']

/** Raised whenever the same files would give another output. */
const EQUATIONS = 'static/1'

export async function openStatic(folder: string): Promise<Base> {
  const table = await tableIn(folder)
  const [rows = 0, width = 0] = table.shape
  const definition = {
    ...(await readJsonFile(folder, 'tokenizer.json')),
    truncation: null,
    padding: null,
    post_processor: null,
  }
  const hash = hashBase(
    { equations: EQUATIONS, tokenizer: definition },
    new Map([['vectors', table]]),
  )
  await tryTokenizer(definition, hash)
  const tokenizer = openTokenizer(definition, rows)
  return {
    ...shapeOf(width),
    hash,
    encode(input, maxTokens) {
      const { ids, dropped } = tokenizer.encode(readText(input), Math.max(1, maxTokens))
      return { data: meanOf(table, ids), kept: ids.length, ...(dropped > 0 && { dropped }) }
    },
  }
}

/** Without its vectors; it encodes nothing. */
export async function shapeOfStatic(folder: string): Promise<Base> {
  const { shape } = await storedIn(folder)
  return shapeOf(shape[1] ?? 0)
}

function shapeOf(width: number): Base {
  return {
    name: 'static',
    hash: '',
    reads: [text],
    rows: 'values',
    isSmall: true,
    network: embeddedNetwork(width),
    weights: new Map(),
    encode: () => {
      throw failure('BASE_INVALID', 'a static base was opened without its vectors')
    },
  }
}

async function tableIn(folder: string): Promise<Tensor> {
  const stored = await storedIn(folder)
  const table = toFloat32(stored, WEIGHTS)
  if (!areFinite(table.data))
    throw failure('BASE_INVALID', `${WEIGHTS} in ${folder} holds a number that is not finite`)
  return table
}

async function storedIn(folder: string): Promise<StoredTensor> {
  const files = await listedFolder(folder)
  refusePickles(folder, files)
  for (const file of ['tokenizer.json', WEIGHTS])
    if (!files.includes(file)) throw failure('BASE_INVALID', `${folder} lacks ${file}`)
  const { tensors } = readSafetensors(await readFile(join(folder, WEIGHTS)))
  const names = [...tensors.keys()]
  const name = TABLES.find((each) => tensors.has(each))
  const stored = name === undefined ? undefined : tensors.get(name)
  if (stored?.shape.length !== 2)
    throw failure(
      'BASE_INVALID',
      `${WEIGHTS} lacks a table of vectors called ${TABLES.join(' or ')}`,
    )
  if (names.length > 1)
    throw failure(
      'BASE_UNSUPPORTED',
      `${WEIGHTS} holds ${names.join(', ')}: only one vector a token is read`,
    )
  return stored
}

/** One for all texts: none of them waits. */
let zeros = new Float64Array()
function sumOf(width: number): Float64Array {
  if (zeros.length !== width) zeros = new Float64Array(width)
  return zeros.fill(0)
}

/** At unit length; zeros where the text has no token. */
function meanOf({ data, shape }: Tensor, ids: readonly number[]): Float32Array {
  const width = shape[1] ?? 0
  const sum = sumOf(width)
  let token = 0
  // Four vectors at a time, in their order.
  for (; token + 3 < ids.length; token += 4) {
    let [a, b] = [(ids[token] ?? 0) * width, (ids[token + 1] ?? 0) * width]
    let [c, d] = [(ids[token + 2] ?? 0) * width, (ids[token + 3] ?? 0) * width]
    for (let at = 0; at < width; at += 1, a += 1, b += 1, c += 1, d += 1)
      sum[at] = (sum[at] ?? 0) + (data[a] ?? 0) + (data[b] ?? 0) + (data[c] ?? 0) + (data[d] ?? 0)
  }
  for (; token < ids.length; token += 1)
    for (let at = 0, from = (ids[token] ?? 0) * width; at < width; at += 1)
      sum[at] = (sum[at] ?? 0) + (data[from + at] ?? 0)
  let square = 0
  for (let at = 0; at < width; at += 1) square += (sum[at] ?? 0) * (sum[at] ?? 0)
  const length = Math.sqrt(square)
  const mean = new Float32Array(width)
  if (length === 0) return mean
  for (let at = 0; at < width; at += 1) mean[at] = (sum[at] ?? 0) / length
  return mean
}
