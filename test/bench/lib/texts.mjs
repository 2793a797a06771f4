/** Sentences of the `sentiment` package's data, as the demo uses them. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

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

const tones = {
  positive: [
    ...['admiration', 'amusement', 'approval', 'caring', 'excitement', 'gratitude'],
    ...['joy', 'love', 'optimism', 'pride', 'relief'],
  ],
  negative: [
    ...['anger', 'annoyance', 'disappointment', 'disapproval', 'disgust', 'embarrassment'],
    ...['fear', 'grief', 'nervousness', 'remorse', 'sadness'],
  ],
}

/** Comments of GoEmotions' training set with one emotion, by whether it is a positive one. */
export function emotions(data) {
  const path = join(data, 'multilabel/go_emotions/train.jsonl.gz')
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  return lines.flatMap((line) => {
    const { text, labels } = JSON.parse(line)
    const tone = Object.keys(tones).find((name) => tones[name].includes(labels[0]))
    return labels.length === 1 && tone !== undefined ? [{ text, label: tone }] : []
  })
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
