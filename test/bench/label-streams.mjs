/**
 * A stream with many labels, `{ features, label }` in order, drawn from a seed: forty labels of a hundred examples each. They
 * appear one after another, and come in runs, as days, machines or sessions do; a label that has appeared may come back.
 *
 *   x ~ N(μ_c + d_r, σ²) in ten dimensions, μ_c in [0, 1]¹⁰ and d_r a small shift of the run r
 */
import { openRandom } from '../../dist/src/platform/random.js'

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
