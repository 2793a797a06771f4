/**
 * Streams that are drawn from a seed, `{ features, label }` in order.
 *
 *   hyperplane    x in [0, 1]¹⁰, y = [w · x > ½ Σ w], w drifting        Hulten et al. (2001), "Mining time-changing data streams"
 *   rbf           five labels, three centres each in [0, 1]⁸ with a spread of 0.1        MOA's RandomRBF
 *   labels        x ~ N(μ_c + d_r, σ²) in ten dimensions, μ_c in [0, 1]¹⁰ and d_r a small shift of the run r
 *
 * The last has forty labels of a hundred examples each. They appear one after another, and come in runs, as days, machines or
 * sessions do; a label that has appeared may come back.
 */
import { openRandom } from '../../../dist/src/platform/random.js'

/** Of `hyperplane` and `rbf`. */
export const EVENTS = 2000
const LABELS = 40
const EXAMPLES = 100
const RUN = 10
const SIZE = 10
const SPREAD = 0.13
const SHIFT = 0.05

export function labelStream(
  seed,
  { labels = LABELS, examples = EXAMPLES, run = RUN, spread = SPREAD } = {},
) {
  const random = openRandom(seed, 'labels')
  const centres = Array.from({ length: labels }, () =>
    Array.from({ length: SIZE }, () => random.uniform()),
  )
  const left = centres.map(() => Math.floor(examples / run))
  const rows = []
  let known = 1
  while (left.some((runs) => runs > 0)) {
    // The next label appears when the runs so far are as many as the labels before it have, on average.
    const done = rows.length / run
    known = Math.max(
      known,
      Math.min(
        labels,
        1 + Math.floor((done * labels) / (labels * Math.floor(examples / run) * 0.8)),
      ),
    )
    let open = left.flatMap((runs, label) => (label < known && runs > 0 ? [label] : []))
    if (open.length === 0) open = [known++]
    const label = open[random.below(open.length)]
    left[label] -= 1
    const shift = centres[label].map(() => SHIFT * random.normal())
    for (let at = 0; at < run; at += 1)
      rows.push({
        features: centres[label].map((c, k) => c + shift[k] + spread * random.normal()),
        label: `c${label}`,
      })
  }
  return rows
}

export function hyperplane(seed) {
  const random = openRandom(seed, 'chosen-tables/hyperplane')
  const weights = Array.from({ length: 10 }, () => random.uniform())
  const pace = weights.map((_, at) => (at < 3 ? 0.001 * (random.uniform() < 0.5 ? -1 : 1) : 0))
  return Array.from({ length: EVENTS }, () => {
    const x = weights.map(() => random.uniform())
    const sum = x.reduce((total, value, at) => total + value * weights[at], 0)
    const isAbove = sum > weights.reduce((total, weight) => total + weight, 0) / 2
    pace.forEach((step, at) => (weights[at] += step))
    const isRight = random.uniform() >= 0.05
    return { features: x, label: isAbove === isRight ? 'yes' : 'no' }
  })
}

export function rbf(seed) {
  const random = openRandom(seed, 'chosen-tables/rbf')
  const centres = Array.from({ length: 15 }, (_, at) => ({
    label: `c${at % 5}`,
    at: Array.from({ length: 8 }, () => random.uniform()),
  }))
  return Array.from({ length: EVENTS }, () => {
    const { label, at } = centres[random.below(centres.length)]
    return { features: at.map((value) => value + 0.1 * random.normal()), label }
  })
}
