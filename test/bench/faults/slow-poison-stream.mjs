/** A stream that is poisoned slowly: the events of one label are said to be another one, a little more often each time. */
import { openRandom } from '../../../dist/src/platform/random.js'

export const labels = ['bill', 'login', 'parcel', 'refund']
const [victim, , , named] = labels
export const WIDTH = 12
/** Distance of the labels' centres from the origin, in deviations of the features. */
const APART = 2.6

/**
 * `clean` events, then `drift` events over which the share of `victim` that is labelled `named` rises from 0 to 1, and stays
 * there for `after`. `noise`: share of labels that are wrong by chance all the time. `test` and `golden` are drawn the same way,
 * with true labels. Without `isPoisoned` it is the same stream, and clean.
 */
export function slowPoison(options) {
  const {
    seed,
    clean,
    drift,
    after,
    isPoisoned = true,
    noise = 0.03,
    test = 512,
    golden = 60,
  } = options
  const random = openRandom(seed, 'slow-poison')
  const centres = labels.map(() => directed(random))
  const draw = () => {
    const at = random.below(labels.length)
    return {
      features: centres[at].map((value) => round(value + random.normal())),
      label: labels[at],
    }
  }
  const many = (count) => Array.from({ length: count }, draw)
  const events = many(clean + drift + after).map(({ features, label }, at) => {
    const share = Math.min(1, Math.max(0, (at - clean) / Math.max(1, drift)))
    const chance = random.uniform()
    const isPoison = isPoisoned && label === victim && chance < share
    const wrong = random.uniform() < noise ? labels[random.below(labels.length)] : label
    // Its source and id say whether it is held out; without a source it would be the file, in another folder each time.
    return { id: `e${at}`, source: 'shop', input: { features }, label: isPoison ? named : wrong }
  })
  return { events, test: many(test), golden: many(golden) }
}

function directed(random) {
  const values = Array.from({ length: WIDTH }, () => random.normal())
  const length = Math.hypot(...values)
  return values.map((value) => (APART * value) / length)
}

function round(value) {
  return Number(value.toFixed(4))
}
