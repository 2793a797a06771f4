/**
 * One task over three domains: whether a sentence is positive, on one site after another. A fifth of each site's
 * sentences is kept for testing, the same whatever the seed; settings are chosen on a split of the other four fifths.
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { emotions, sentences } from '../lib/texts.mjs'
import { shuffled } from '../lib/text-stream.mjs'

const TEST = 200
const DEVELOPMENT_TEST = 160
/** A fourth site, for development: comments of GoEmotions, which are in a folder of datasets. */
export const EMOTIONS = 'emotions'

/**
 * `parts.stream`: the rows of each site in their order; `parts.tests`: rows of each site that are never learned. `data`: where
 * the comments of the fourth site are.
 */
export function domainStream(sites, seed, { isDevelopment = false, data } = {}) {
  const parts = sites.map((site) =>
    site === EMOTIONS ? taughtAndTested(emotionRows(data)) : partsOf(site, isDevelopment),
  )
  const random = openRandom(seed, 'text-drift/order')
  return {
    sites,
    stream: parts.map(({ taught }) => shuffled(taught, random)),
    tests: parts.map(({ tested }) => tested),
  }
}

/** Every sentence, in one order, so that its latents are computed once for all runs. */
export function allRows() {
  return sentences().map((row, at) => ({ ...row, key: `${row.site}-${at}` }))
}

/** As many comments as a site of development has sentences: of the training set, half of them positive. */
export function emotionRows(data) {
  const random = openRandom(1, EMOTIONS)
  const rows = shuffled(emotions(data), random)
  const of = (label) => rows.filter((row) => row.label === label).slice(0, 400)
  const all = shuffled([...of('positive'), ...of('negative')], random)
  return all.map((row, at) => ({ ...row, site: EMOTIONS, key: `${EMOTIONS}-${at}` }))
}

function partsOf(site, isDevelopment) {
  const rows = shuffled(
    allRows().filter((row) => row.site === site),
    openRandom(1, `text-drift/${site}`),
  )
  const usable = rows.slice(TEST)
  return isDevelopment ? taughtAndTested(usable) : { taught: usable, tested: rows.slice(0, TEST) }
}

function taughtAndTested(rows) {
  return { taught: rows.slice(DEVELOPMENT_TEST), tested: rows.slice(0, DEVELOPMENT_TEST) }
}
