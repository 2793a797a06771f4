/** The characters of each token, beside Hugging Face's own tokenizers where PEFT's environment is there, and by what must hold. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { peftPython } from '../../deploy/bootstrap/peft.mjs'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import { pulledFolder } from '../../src/bases/pulled/pulled.ts'
import { UnigramTokenizer } from '../../src/bases/e5/tokenizer.ts'
import { openTokenizer } from '../../src/bases/tokenizer.ts'
import type { Json } from '../../src/contracts/core.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { root } from '../source-tree.ts'
import { fc, runs } from '../properties.ts'
import { pulledBase } from './pull-for-tests.ts'

const texts = [
  'Héllo  wörld, ﬁne 🙂x',
  'cafe\u0301 na\u0308ive',
  '中文 text 混合 ok',
  ' lead and trail  ',
  'a\u00a0b\u3000c',
  'tab\tnew\nline\r\n\r\nx',
  '\u0000\u200bzero\u200bwidth\u0001x',
  '한국어 \u1112\u1161\u11ab\u1100\u116e\u11a8',
  'ぁa a ☃☃a ☃ 𝒳𝒴 word',
  'हिन्दी भाषा',
  'emoji 👩‍👩‍👧‍👦 family',
  "don't stop-it. A/B_c $5.00 x^2",
  'İstanbul ẞ ŒUVRE ﷺ ½ ① ２',
  `${'x'.repeat(120)} y`,
]

const program = `
import json, sys
from tokenizers import Tokenizer
definition, texts = json.load(open(sys.argv[1]))
tokenizer = Tokenizer.from_str(json.dumps(definition))
print(json.dumps([[e.ids, e.tokens, e.offsets] for e in map(tokenizer.encode, texts)]))
`

type Encoding = readonly [
  ids: readonly number[],
  tokens: readonly string[],
  offsets: readonly (readonly [number, number])[],
]

const folder = (name: string) => join(root, 'test/reference/tiny-causal', name)

function definitionIn(path: string): Json {
  const text = readFileSync(join(path, 'tokenizer.json'), 'utf8')
  return { ...(JSON.parse(text) as object), truncation: null, padding: null }
}

/** As they stand in the text, without spaces and marks at their ends, which no two tokenizers count alike. */
const bare = (text: string) => text.trim().replace(/\p{M}+$/u, '')

describe('as in Hugging Face’s tokenizers', () => {
  const pulled = pulledBase('minilm')
  beforeAll(async () => {
    await pulled.pull()
  }, 300_000)

  test.for([
    ['WordPiece', pulledFolder('minilm')],
    ['byte-level BPE', folder('llama')],
    ['BPE of SentencePiece with bytes', folder('tinyllama')],
  ] as const)('%s', ([_name, path], context) => {
    const python = peftPython()
    if (python === undefined)
      return context.skip('PEFT is not installed (node deploy/bootstrap/main.mjs --all)')
    const definition = definitionIn(path)
    const file = join(scratchFolder(), 'texts.json')
    writeFileSync(file, JSON.stringify([definition, texts]))
    const printed = execFileSync(python, ['-c', program, file]).toString()
    const tokenizer = openTokenizer(definition, Infinity)
    for (const [at, [ids, tokens, theirs]] of (
      JSON.parse(printed) as readonly Encoding[]
    ).entries()) {
      const text = texts[at]!
      const characters = Array.from(text)
      expect(tokenizer.encode(text, 1000).ids).toEqual(ids)
      const ours = tokenizer.offsets(text, ids)
      const words = tokens.map((_, place) => bare(text.slice(ours[2 * place], ours[2 * place + 1])))
      expect(words).toEqual(
        // The first character of a text counts for the space before it there.
        theirs.map(([from, to], place) =>
          tokens[place] === '▁' ? '' : bare(characters.slice(from, to).join('')),
        ),
      )
    }
  })
})

test('use-lite and e5: pieces stand in the text where they are said to, also when it is normalised', async () => {
  const base = await openUseLite()
  const places = (text: string) => {
    const input = { kind: 'text', text } as const
    const offsets = base.offsets!(input, base.encode(input, 256))!
    return Array.from({ length: offsets.length / 2 }, (_, at) =>
      text.slice(offsets[2 * at], offsets[2 * at + 1]),
    )
  }
  expect(places('the ﬁne phone, ２ days')).toEqual(['the', 'ﬁne', 'phone', ',', '２', 'days'])
  for (const text of texts.slice(0, 6))
    expect(bare(places(text).join(''))).toBe(bare(text.replaceAll(/\s/g, '')))
  // More marks than a text may have: they have no token, and what follows keeps its place.
  const marked = `e${'\u0301'.repeat(40)} phone`
  expect(places(marked).at(-1)).toBe('phone')

  const pieces = ['<unk>', '▁query', ':', '▁', 'a', 'b', '▁ab']
  const e5 = new UnigramTokenizer({
    ...{ pieces, scores: pieces.map((_, at) => -at), characters: new Map([['Ａ', 'a']]) },
    ...{ unknown: 0, begin: 0, end: 0 },
  } as never)
  const text = 'ab  §§Ａ'
  const ids = e5.encode(text)
  expect([...e5.offsets(text, ids)]).toEqual([0, 2, 2, 2, 4, 6, 6, 7])
})

test('whatever the text, offsets lie in it and in order', () => {
  const tokenizers = [folder('llama'), folder('tinyllama')].map((path) =>
    openTokenizer(definitionIn(path), Infinity),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      for (const tokenizer of tokenizers) {
        const { ids } = tokenizer.encode(text, 1000)
        const offsets = tokenizer.offsets(text, ids)
        expect(offsets).toHaveLength(2 * ids.length)
        for (let at = 0; at < offsets.length; at += 2) {
          const [start = NaN, end = NaN] = offsets.subarray(at, at + 2)
          expect(start).toBeLessThanOrEqual(end)
          expect(end).toBeLessThanOrEqual(text.length)
          expect(start).toBeGreaterThanOrEqual(offsets[at - 2] ?? 0)
        }
      }
    }),
    { numRuns: runs(25) },
  )
})
