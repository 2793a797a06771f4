/**
 * Made-up source names: a hostile sender with 90 % of the volume beside 150 honest events, under one name or many. The accuracy
 * at the end, of a head on use-lite with the defaults, on the sentences of the same site that no source sent.
 *
 *   node test/bench/faults/sybil.mjs [--seeds 5] [--dev] [--only <words of a run's name>] [--fresh]
 *
 * The rule was chosen on the sentences of yelp with the seeds of `--dev`, from 1 on; those of amazon with the seeds from 101 on are
 * reported. Each run is kept in results/sybil.json, or sybil-dev.json, as soon as it is there.
 */
import { spread } from '../lib/figures.mjs'
import { openPoisonBench, points } from './poison-bench.mjs'
import { defences } from './poison-trial.mjs'
import { openRandom } from '../../../dist/src/platform/random.js'
import { shuffled } from '../lib/text-stream.mjs'

const HONEST = 150
const PER_HONEST = 9
const other = (label) => (label === 'positive' ? 'negative' : 'positive')
const MANY = 'a name each event'
const one = { 'one name': 1 }
const names = { ...one, '20 names': 20, '200 names': 200, '2,000 names': 2000, [MANY]: null }

/** Honest sources, of these trusted, and the honest event before which the hostile sender starts. */
const settingsOf = {
  'one honest source, trusted': { sources: 1, trusted: ['s0'] },
  'three honest sources, known before': { sources: 3, from: 60 },
  'three honest sources, none known': { sources: 3 },
}

const bench = await openPoisonBench('sybil', { seeds: 5 })
const site = bench.isDev ? 'yelp' : 'amazon'
const sent = bench.rows.filter((row) => row.site === site)

const rows = []
for (const [setting, { trusted = [], ...plan }] of Object.entries(settingsOf)) {
  const seven = setting.startsWith('three') ? { 'seven names': 7 } : {}
  const isKnown = !setting.endsWith('none known')
  const clean = await measured(`${setting}, clean`, { ...plan, names: 0 }, trusted)
  rows.push([setting, 'none', right(clean), '', disputed(clean)])
  for (const [name, count] of Object.entries({ ...(isKnown ? names : one), ...seven })) {
    const found = await measured(`${setting}, ${name}`, { ...plan, names: count }, trusted)
    rows.push([
      setting,
      name,
      right(found),
      points(clean, found, ({ tested }) => tested),
      disputed(found),
    ])
  }
}
const table = {
  columns: [
    ...['honest', 'hostile', 'right at the end (%)', 'lost against clean (points)'],
    'runs whose status says untrusted majority',
  ],
  rows,
  note: `Seeds ${bench.seeds.join(', ')}, sentences of ${site}.`,
}
await bench.show(table)
process.exit(0)

function measured(name, plan, trusted) {
  return bench.measured(name, { plan, trusted, site }, (seed) => {
    const names = plan.names ?? Infinity
    return { ...sybilStream(sent, { seed, ...plan, names }), defence: { ...defences, trusted } }
  })
}

function right(runs) {
  return spread(runs.map(({ tested }) => 100 * tested))
}

function disputed(runs) {
  return `${runs.filter(({ majority }) => majority !== undefined).length} of ${runs.length}`
}

/**
 * `sources`: honest sources, which send in turns. `names`: how many names the hostile sender uses, in random order; 0: it sends
 * nothing; Infinity: a new one for each event. `from`: the honest event before which it starts. All that it says is wrong.
 */
function sybilStream(rows, { seed, sources = 1, names = 0, from = 0 }) {
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
