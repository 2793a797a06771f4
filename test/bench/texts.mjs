/** Sentences of the `sentiment` package's data, as the demo uses them. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

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

/** Texts that the base reads as exactly `tokens` tokens. */
export function textsOfLength(base, tokens, count) {
  const fitting = sentences()
    .map(({ text }) => text)
    .filter((text) => base.encode({ kind: 'text', text }, 512).ids.length === tokens)
  if (fitting.length === 0) throw new Error(`no sentence of ${tokens} tokens`)
  return fitting.slice(0, count)
}
