/**
 * So many labelled sentences of three sites, drawn together, and sentences that nothing learns from. The test sentences
 * are those of `text-drift`; settings are chosen on a split of the rest.
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { domainStream } from './text-drift-stream.mjs'
import { shuffled } from '../lib/text-stream.mjs'

const SITES = ['yelp', 'amazon', 'imdb']

export function fewRows(count, seed, { isDevelopment = false } = {}) {
  const { stream, tests } = domainStream(SITES, 1, { isDevelopment })
  const pool = shuffled(stream.flat(), openRandom(seed, 'few-labels'))
  return { taught: pool.slice(0, count), tested: tests.flat() }
}
