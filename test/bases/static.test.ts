import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as published from '@huggingface/tokenizers'
import { openFolder } from '../../src/bases/pulled/pulled.ts'
import type { Base } from '../../src/contracts/base.ts'
import { writeSafetensors } from '../../src/nn/containers/safetensors.ts'
import { openTokenizer } from '../../src/bases/tokenizer.ts'
import { pulledBase } from './pull-for-tests.ts'

/** Its published types do not resolve under Node's module rules. */
const huggingface = published as unknown as {
  readonly Tokenizer: new (
    definition: object,
    config: object,
  ) => {
    encode(text: string, options: object): { readonly ids: readonly number[] }
  }
}

const words = ['<unk>', '▁', 'a', 'b', '▁a', '▁b', 'c', '▁▁']
const merges = ['▁ ▁', '▁ a', '▁ b']
const tokenizer = {
  version: '1.0',
  added_tokens: [],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  // A marker before each text, which the mean leaves out.
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: 'c', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
    special_tokens: { c: { id: 'c', ids: [6], tokens: ['c'] } },
  },
  decoder: null,
  model: {
    ...{ type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: false },
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    merges,
  },
}

let scratch: string
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), 'antikythera-static-'))))
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
})

let folders = 0
/** One vector a word: its id and 1. */
function folderOf(change: { readonly name?: string; readonly data?: Float32Array } = {}): string {
  const folder = mkdtempSync(join(scratch, `${(folders += 1)}-`))
  const data = change.data ?? Float32Array.from(words.flatMap((_, id) => [id, 1]))
  const name = change.name ?? 'embeddings'
  const table = new Map([[name, { shape: [words.length, 2], data }]])
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(table))
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  writeFileSync(join(folder, 'config.json'), '{"model_type":"model2vec"}')
  return folder
}

function vectorOf(base: Base, text: string, most = 16): readonly number[] {
  return [...base.encode({ kind: 'text', text }, most).data]
}

describe('a static encoder', () => {
  it('is the mean of its tokens at unit length, without markers', async () => {
    const base = await openFolder(folderOf())
    // ▁a ▁b: (4, 1) and (5, 1).
    const length = Math.hypot(9, 2)
    expect(vectorOf(base, 'a b')).toEqual([9 / length, 2 / length].map(Math.fround))
    expect(base.encode({ kind: 'text', text: 'a b b' }, 2)).toMatchObject({ dropped: 1 })
    expect(vectorOf(base, 'a b b', 2)).toEqual(vectorOf(base, 'a b'))
  })

  it('reads runs of spaces as one token where there is one', async () => {
    const base = await openFolder(folderOf())
    // ▁a ▁ ▁b would be (4 + 1 + 5, 3); ▁a ▁▁ b is (4 + 7 + 3, 3).
    const length = Math.hypot(14, 3)
    expect(vectorOf(base, 'a  b')).toEqual([14 / length, 3 / length].map(Math.fround))
  })

  it.each([
    [{ name: 'vectors' }, 'BASE_INVALID', /lacks a table of vectors/],
    [{ data: new Float32Array(16).fill(Number.NaN) }, 'BASE_INVALID', /not finite/],
  ])('refuses %o', async (change, code, message) => {
    await expect(openFolder(folderOf(change))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })
})

it('has the tokens of the library, which merges the whole text, also of words that come again', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => hexOf(byte))
  const vocab = [...words, '<s>', ...bytes]
  const definition = {
    ...tokenizer,
    added_tokens: [{ id: words.length, content: '<s>', normalized: false }],
    model: {
      ...tokenizer.model,
      byte_fallback: true,
      vocab: Object.fromEntries(vocab.map((word, id) => [word, id])),
    },
  }
  const library = new huggingface.Tokenizer(definition, {})
  const ours = openTokenizer(definition, vocab.length)
  const texts = [
    '',
    ' ',
    'a',
    ' a',
    'ab  ba a   b ',
    '▁▁a▁b',
    'a<s> b <s>',
    'é 🎉\n a\ud800',
    'x'.repeat(99),
  ]
  for (const text of [...texts, ...texts])
    expect(ours.words(text), text).toEqual(library.encode(text, { add_special_tokens: false }).ids)
})

function hexOf(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}

describe('WordLlama from its wheel', () => {
  const pulled = pulledBase('static')
  let base: Base
  beforeAll(async () => {
    const opened = await pulled.pull()
    if (opened !== undefined) base = opened
  }, 300_000)

  it('has the embedding of the package', () => {
    // Of wordllama 0.4.0.post1: `WordLlama.load(dim=256).embed(text, norm=True)`, the first five numbers.
    const first = vectorOf(base, 'I am still waiting on my card?', 256).slice(0, 5)
    const expected = [0.0391252637, 0.0644699857, -0.0645648763, -0.0241578817, 0.0932062119]
    for (const [at, value] of expected.entries()) expect(first[at]).toBeCloseTo(value, 6)
  })
})
