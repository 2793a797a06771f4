/** Sentences of the `sentiment` package's data, as the demo uses them. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** There are few sentences of more tokens. */
const LONG_SENTENCE = 32

export function sentences() {
  const rows = ['yelp', 'amazon', 'imdb'].flatMap((site) =>
    require(`sentiment/test/fixtures/${site}.json`).map((row) => ({ ...row, site })),
  )
  return rows
    .filter((row) => row.class === 0 || row.class === 1)
    .map(({ text, class: positive, site }) => ({
      text,
      site,
      label: positive === 1 ? 'positive' : 'negative',
    }))
}

/** Texts that the base reads as exactly `tokens` tokens: sentences, or many in a row that are cut there. */
export function textsOfLength(base, tokens, count) {
  if (tokens > LONG_SENTENCE) return longTexts(tokens, count)
  const fitting = sentences()
    .map(({ text }) => text)
    .filter((text) => base.encode({ kind: 'text', text }, 512).data.length === tokens)
  if (fitting.length === 0) throw new Error(`no sentence of ${tokens} tokens`)
  return fitting.slice(0, count)
}

/** A sentence has more than four tokens. */
function longTexts(tokens, count) {
  const texts = sentences().map(({ text }) => text)
  const each = Math.ceil(tokens / 4)
  return Array.from({ length: count }, (_, at) => {
    const from = at % (texts.length - each)
    return texts.slice(from, from + each).join(' ')
  })
}
