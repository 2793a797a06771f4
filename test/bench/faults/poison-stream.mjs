/** Feedback on sentences, some of it poisoned: who sends what, and which of it is wrong. */
import { openRandom } from '../../../dist/src/platform/random.js'

const HONEST = 10
const other = (label) => (label === 'positive' ? 'negative' : 'positive')

/**
 * Honest events in random order, from ten sources; a share `flips` of them has the other label. Before each of them come
 * the events of one hostile source, so that `hostile` of the volume is its own: all of them wrong.
 *
 * `isHonest`: a request that is answered before its label comes. `drift`: from the middle on the labels mean the opposite.
 */
export function poisonedStream(
  rows,
  { seed, flips = 0, hostile = 0, sources = HONEST, drift = false },
) {
  const random = openRandom(seed, 'poison/stream')
  const order = shuffled(rows, random)
  const perHonest = hostile / (1 - hostile)
  const events = []
  let owed = 0
  for (const [at, row] of order.entries()) {
    for (owed += perHonest; owed >= 1; owed -= 1) {
      const wrong = rows[random.below(rows.length)]
      const id = `h${String(events.length).padStart(6, '0')}`
      events.push({ id, row: wrong, source: 'hostile', label: other(wrong.label), isHonest: false })
    }
    const isFlipped = random.uniform() < flips
    const truth = drift && at >= order.length / 2 ? other(row.label) : row.label
    const label = isFlipped ? other(truth) : truth
    const source = `s${random.below(sources)}`
    events.push({ id: row.key, row, source, label, truth, isHonest: true })
  }
  return events
}

/** Shares of honest events that guesses without a model have right: the most frequent label so far, and the one before. */
export function baselines(events) {
  const seen = new Map()
  const right = { majority: 0, last: 0 }
  let before
  const honest = events.filter(({ isHonest }) => isHonest)
  for (const { label, truth } of honest) {
    const [most] = [...seen].sort(([, one], [, other]) => other - one)
    if (most?.[0] === truth) right.majority += 1
    if (before === truth) right.last += 1
    seen.set(label, (seen.get(label) ?? 0) + 1)
    before = label
  }
  return { majority: right.majority / honest.length, last: right.last / honest.length }
}

function shuffled(rows, random) {
  const list = [...rows]
  for (let last = list.length - 1; last > 0; last -= 1) {
    const place = random.below(last + 1)
    ;[list[last], list[place]] = [list[place], list[last]]
  }
  return list
}
