/**
 * Sentences for the first labels. Easy ones are written here: one word of sixteen decides whether a sentence is positive, in one of
 * many settings; those of a seed are tested by others of the same words. Real ones are those of development of `text-drift`.
 */
import { openRandom } from '../../dist/src/platform/random.js'
import { domainStream } from './text-drift-stream.mjs'
import { shuffled } from './text-stream.mjs'

const WORDS = {
  positive: [
    ...['lovely', 'excellent', 'brilliant', 'superb', 'delightful', 'perfect', 'wonderful'],
    ...['great', 'charming', 'splendid', 'reliable', 'impressive'],
  ],
  negative: [
    ...['awful', 'terrible', 'useless', 'broken', 'horrible', 'dreadful', 'disappointing'],
    ...['poor', 'ugly', 'faulty', 'annoying', 'miserable'],
  ],
}
const THINGS = [
  ...['phone', 'hotel', 'film', 'keyboard', 'dinner', 'service', 'battery', 'lamp', 'jacket'],
  ...['waiter', 'book', 'camera', 'chair', 'garden', 'printer', 'concert'],
]
const FRAMES = [
  (thing, word) => `The ${thing} was ${word}.`,
  (thing, word) => `We found the ${thing} ${word}, and said so.`,
  (thing, word) => `What a ${word} ${thing} that my sister bought in May!`,
  (thing, word) => `My neighbour says that this ${thing} is ${word}.`,
  (thing, word) => `After two weeks the ${thing} still looks ${word} to me.`,
  (thing, word) => `It is a ${word} ${thing} for the price, as you can see.`,
]
/** Of each label, in one draw. */
const WORDS_PER_LABEL = 8
const TESTED = 200
const SITES = ['amazon', 'imdb', 'yelp']

/** `count` sentences to learn, and others to test them with. */
export function easyRows(count, seed) {
  const random = openRandom(seed, 'first-labels/easy')
  const all = Object.entries(WORDS).flatMap(([label, words]) =>
    shuffled(words, random)
      .slice(0, WORDS_PER_LABEL)
      .flatMap((word) =>
        THINGS.flatMap((thing) => FRAMES.map((frame) => ({ label, text: frame(thing, word) }))),
      ),
  )
  const rows = shuffled(all, random).map((row, at) => ({ ...row, key: `easy-${seed}-${at}` }))
  return { taught: rows.slice(0, count), tested: rows.slice(count, count + TESTED) }
}

/** Sentences of three sites, mixed. */
export function realRows(seed) {
  const { stream, tests } = domainStream(SITES, 1, { isDevelopment: true })
  const taught = shuffled(stream.flat(), openRandom(seed, 'first-labels/real'))
  return { taught, tested: tests.flat() }
}
