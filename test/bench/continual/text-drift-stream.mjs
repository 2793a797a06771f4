/**
 * One task over three domains: whether a sentence is positive, on one site after another. A fifth of each site's
 * sentences is kept for testing, the same whatever the seed; settings are chosen on a split of the other four fifths.
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { sentences } from '../lib/texts.mjs'
import { shuffled } from '../lib/text-stream.mjs'

const TEST = 200
const DEVELOPMENT_TEST = 160

/** `parts.stream`: the rows of each site in their order; `parts.tests`: rows of each site that are never learned. */
export function domainStream(sites, seed, { isDevelopment = false } = {}) {
  const parts = sites.map((site) => partsOf(site, isDevelopment))
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

function partsOf(site, isDevelopment) {
  const rows = shuffled(
    allRows().filter((row) => row.site === site),
    openRandom(1, `text-drift/${site}`),
  )
  const usable = rows.slice(TEST)
  if (!isDevelopment) return { taught: usable, tested: rows.slice(0, TEST) }
  return {
    taught: usable.slice(DEVELOPMENT_TEST),
    tested: usable.slice(0, DEVELOPMENT_TEST),
  }
}
