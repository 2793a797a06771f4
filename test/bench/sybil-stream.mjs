/** A small stream of honest feedback, and nine times as much from a hostile sender that makes up names. */
import { openRandom } from '../../dist/src/platform/random.js'
import { shuffled } from './text-stream.mjs'

const HONEST = 150
const PER_HONEST = 9
const other = (label) => (label === 'positive' ? 'negative' : 'positive')

/**
 * `sources`: honest sources, which send in turns. `names`: how many names the hostile sender uses, in random order; 0: it sends
 * nothing; Infinity: a new one for each event. `from`: the honest event before which it starts. All that it says is wrong.
 */
export function sybilStream(rows, { seed, sources = 1, names = 0, from = 0 }) {
  const random = openRandom(seed, 'sybil/stream')
  const order = shuffled(rows, random)
  const [honest, tested] = [order.slice(0, HONEST), order.slice(HONEST)]
  const events = []
  for (const [at, row] of honest.entries()) {
    const count = names > 0 && at >= from ? Math.round((PER_HONEST * HONEST) / (HONEST - from)) : 0
    for (let each = 0; each < count; each += 1) {
      const wrong = honest[random.below(HONEST)]
      const id = `h${String(events.length).padStart(6, '0')}`
      const source = `x${names === Infinity ? events.length : random.below(names)}`
      events.push({ id, row: wrong, source, label: other(wrong.label), isHonest: false })
    }
    const { key, label } = row
    events.push({ id: key, row, source: `s${at % sources}`, label, truth: label, isHonest: true })
  }
  return { events, tested }
}
