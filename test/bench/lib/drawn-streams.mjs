/**
 * Streams that are drawn from a seed, `{ features, label }` in order.
 *
 *   hyperplane    x in [0, 1]¹⁰, y = [w · x > ½ Σ w], w drifting        Hulten et al. (2001), "Mining time-changing data streams"
 *   rbf           five labels, three centres each in [0, 1]⁸ with a spread of 0.1        MOA's RandomRBF
 *   labels        x ~ N(μ_c + d_r, σ²) in ten dimensions, μ_c in [0, 1]¹⁰ and d_r a small shift of the run r
 *
 *   stagger       three values each of size, colour and shape, three concepts in turn        Schlimmer & Granger (1986), AAAI
 *   seaInTurn     x in [0, 10]³, y = [x₁ + x₂ ≤ θ], four thresholds in turn        Street & Kim (2001), KDD
 *   rotating      x in [0, 1]⁶, a hyperplane that turns there and back
 *   squares       four squares, a label each, that move through the plane and back        Losing et al. (2016), ICDM
 *   rbfInTurn     fifteen centres of five labels in [0, 1]⁸, four draws of them in turn
 *   chessboard    eight labels on a board, shown field by field; after four fields all of it        Losing et al. (2016)
 *   turnedCurve   a border that bends, and the labels change sides in the middle
 *
 * `labels` has forty labels of a hundred examples each. They appear one after another, and come in runs, as days, machines or
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

const drawn = (count, row) => Array.from({ length: count }, (_, at) => row(at))
const NOISE = 0.05

export function stagger(seed, { pace = 500, turns = 8 } = {}) {
  const random = openRandom(seed, 'recurring/stagger')
  const concepts = [
    ([size, colour]) => size === 0 && colour === 0,
    ([, colour, shape]) => colour === 1 || shape === 1,
    ([size]) => size > 0,
  ]
  return drawn(pace * turns, (at) => {
    const features = [0, 0, 0].map(() => random.below(3))
    return { features, label: concepts[Math.floor(at / pace) % 3](features) ? 'yes' : 'no' }
  })
}

export function seaInTurn(seed, { pace = 750, turns = 8, noise = 0.1 } = {}) {
  const random = openRandom(seed, 'recurring/sea')
  const thresholds = [8, 9.5, 7, 11]
  return drawn(pace * turns, (at) => {
    const features = [0, 0, 0].map(() => 10 * random.uniform())
    const isBelow = features[0] + features[1] <= thresholds[Math.floor(at / pace) % 4]
    return { features, label: isBelow === random.uniform() >= noise ? 'yes' : 'no' }
  })
}

/** From 0 to 1 within `pace` events, and back. */
const thereAndBack = (at, pace) => 1 - Math.abs(1 - ((at / pace) % 2))

export function rotating(seed, { pace = 1000, turns = 6 } = {}) {
  const random = openRandom(seed, 'recurring/rotating')
  return drawn(pace * turns, (at) => {
    const angle = Math.PI * thereAndBack(at, pace)
    const features = drawn(6, () => random.uniform())
    const z = features.map((x) => x - 0.5)
    const sum = Math.cos(angle) * (z[0] + z[2]) + Math.sin(angle) * (z[1] + z[3])
    return { features, label: sum > 0 === random.uniform() >= NOISE ? 'yes' : 'no' }
  })
}

export function squares(seed, { pace = 2000, turns = 3 } = {}) {
  const random = openRandom(seed, 'recurring/squares')
  return drawn(pace * turns, (at) => {
    const square = random.below(4)
    const left = 6 * thereAndBack(at, pace) + 1.5 * square
    return { features: [left + random.uniform(), random.uniform()], label: `c${square}` }
  })
}

export function rbfInTurn(seed, { pace = 600, turns = 10 } = {}) {
  const random = openRandom(seed, 'recurring/rbf')
  const draws = drawn(4, () => drawn(15, () => drawn(8, () => random.uniform())))
  return drawn(pace * turns, (at) => {
    const place = random.below(15)
    const centre = draws[Math.floor(at / pace) % 4][place]
    return { features: centre.map((x) => x + 0.12 * random.normal()), label: `c${place % 5}` }
  })
}

export function chessboard(seed, { side = 6, pace = 150, whole = 600, turns = 10 } = {}) {
  const random = openRandom(seed, 'recurring/chessboard')
  const turn = 4 * pace + whole
  let field = 0
  return drawn(turn * turns, (at) => {
    const since = at % turn
    if (since >= 4 * pace || since % pace === 0) field = random.below(side * side)
    const [column, row] = [field % side, Math.floor(field / side)]
    const features = [column + random.uniform(), row + random.uniform()]
    return { features, label: `c${(column + 3 * row) % 8}` }
  })
}

export function turnedCurve(seed, { count = 4000 } = {}) {
  const random = openRandom(seed, 'recurring/abrupt')
  return drawn(count, (at) => {
    const features = [random.uniform(), random.uniform()]
    const isBelow = features[1] < 0.5 + 0.3 * Math.sin(3 * Math.PI * features[0])
    const isYes = isBelow !== at >= count / 2
    return { features, label: isYes === random.uniform() >= NOISE ? 'yes' : 'no' }
  })
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
