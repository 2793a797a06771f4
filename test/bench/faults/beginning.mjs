/**
 * What the defence costs an honest stream while it is young: the share of its first answers that are right, with the defence off and
 * on, and on without the cap on shares, by who sends. A head on use-lite with the defaults, on the sentences of the `sentiment` package in random order.
 *
 *   node test/bench/faults/beginning.mjs [--seeds 10] [--dev] [--only <words of a run's name>] [--fresh]
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { spread } from '../lib/figures.mjs'
import { openPoisonBench, settings } from './poison-bench.mjs'
import { poisonedStream } from './poison-stream.mjs'
import { defences, FIRST } from './poison-trial.mjs'

const LONGEST = FIRST.at(-1)
/** How often each source sends. */
const senders = {
  'one source': [1],
  'three, as much each': [1, 1, 1],
  'ten, as much each': Array.from({ length: 10 }, () => 1),
  'ten, by Zipf': Array.from({ length: 10 }, (_, at) => 1 / (at + 1)),
}

const sides = { off: undefined, on: defences, 'on, max_share: 1': { ...defences, maxShare: 1 } }

const bench = await openPoisonBench('beginning', { seeds: 10 })
const rows = []
for (const [name, often] of Object.entries(senders))
  for (const [side, defence] of Object.entries(sides)) {
    const chosen = { ...settings, often, defence: defence ?? null }
    const runs = await bench.measured(`${name}, ${side}`, chosen, (seed) => {
      return { events: streamOf(seed, often), defence }
    })
    const right = FIRST.map((count, at) =>
      spread(runs.map(({ first }) => (100 * first[at]) / count)),
    )
    rows.push([name, side, ...right, spread(runs.map(({ kept_back: count }) => count))])
  }
await bench.show({
  columns: ['sources', 'defence', ...FIRST.map((count) => `first ${count} (%)`), 'held of 480'],
  rows,
  note: `Seeds ${bench.seeds.join(', ')}. Held: for the share of a source or as an outlier; most of it is let go by a later update.`,
})
process.exit(0)

function streamOf(seed, often) {
  const random = openRandom(seed, 'beginning/sources')
  const all = often.reduce((sum, each) => sum + each, 0)
  return poisonedStream(bench.rows, { seed })
    .slice(0, LONGEST)
    .map((event) => {
      let left = random.uniform() * all
      const at = often.findIndex((each) => (left -= each) <= 0)
      return { ...event, source: `s${at}` }
    })
}
