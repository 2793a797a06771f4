/**
 * Made-up source names: a hostile sender with 90 % of the volume beside 150 honest events, under one name or many. The accuracy
 * at the end, of a head on use-lite with the defaults, on the sentences of the same site that no source sent.
 *
 *   node test/bench/sybil.mjs [--seeds 5] [--dev] [--only <words of a run's name>] [--fresh]
 *
 * The rule was chosen on the sentences of yelp with the seeds of `--dev`, from 1 on; those of amazon with the seeds from 101 on are
 * reported. Each run is kept in results/sybil.json, or sybil-dev.json, as soon as it is there.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openBase } from '../../dist/src/config/model-parts.js'
import { cutOf } from '../../dist/src/adapters/target-modules.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../dist/src/optim/base-tensors.js'
import { openResults } from './results.mjs'
import { finish, machine, mean, spread } from './figures.mjs'
import { latentsOf } from './text-latents.mjs'
import { seenBy } from './text-learner.mjs'
import { sentences } from './texts.mjs'
import { defences, poisonTrial } from './poison-trial.mjs'
import { render } from './render.mjs'
import { sybilStream } from './sybil-stream.mjs'

const settings = { adapter: { method: 'head' }, replay: { policy: 'reservoir' }, every: 16 }
const MANY = 'a name each event'
const one = { 'one name': 1 }
const names = { ...one, '20 names': 20, '200 names': 200, '2,000 names': 2000, [MANY]: null }

/** Honest sources, of these trusted, and the honest event before which the hostile sender starts. */
const settingsOf = {
  'one honest source, trusted': { sources: 1, trusted: ['s0'] },
  'three honest sources, known before': { sources: 3, from: 60 },
  'three honest sources, none known': { sources: 3 },
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    dev: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
  },
})
const startedOn = machine()
const bench = values.dev ? 'sybil-dev' : 'sybil'
const results = openResults(fileURLToPath(new URL(`results/${bench}.json`, import.meta.url)), {
  machine: startedOn,
  fresh: values.fresh,
})
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => (values.dev ? 1 : 101) + at)

const { tf } = await openTensorFlow({ threads: 1 })
const base = seenBy(await openBase('use-lite'), settings)
const engine = { tf, baseTensors: new BaseTensors(tf, base) }
const all = sentences().map((row, at) => ({ ...row, key: `k${String(at).padStart(5, '0')}` }))
const latents = await latentsOf(base, cutOf(0, base.network.layers), all)
const site = values.dev ? 'yelp' : 'amazon'
const sent = all.filter((row) => row.site === site)

const rows = []
for (const [setting, { trusted = [], ...plan }] of Object.entries(settingsOf)) {
  const seven = setting.startsWith('three') ? { 'seven names': 7 } : {}
  const isKnown = !setting.endsWith('none known')
  const clean = await measured(`${setting}, clean`, { ...plan, names: 0 }, trusted)
  rows.push([setting, 'none', right(clean), '', disputed(clean)])
  for (const [name, count] of Object.entries({ ...(isKnown ? names : one), ...seven })) {
    const found = await measured(`${setting}, ${name}`, { ...plan, names: count }, trusted)
    rows.push([setting, name, right(found), points(clean, found), disputed(found)])
  }
}
const table = {
  columns: [
    ...['honest', 'hostile', 'right at the end (%)', 'lost against clean (points)'],
    'runs whose status says untrusted majority',
  ],
  rows,
  note: `Seeds ${seeds.join(', ')}, sentences of ${site}.`,
}
results.show(table)
await render()
finish(bench, startedOn, table)
process.exit(0)

async function measured(name, plan, trusted) {
  const found = []
  for (const seed of seeds) {
    const work = () => {
      const { events, tested } = sybilStream(sent, { seed, ...plan, names: plan.names ?? Infinity })
      const defence = { ...defences, trusted }
      return poisonTrial({ engine, base, settings, seed, events, latents, defence, tested })
    }
    const chosen = { plan, trusted, site, seed }
    found.push((await results.run(`${name}, seed ${seed}`, chosen, work, values.only)) ?? [])
  }
  return found.flat()
}

function right(runs) {
  return spread(runs.map(({ tested }) => 100 * tested))
}

function points(better, worse) {
  const [high, low] = [better, worse].map((runs) => mean(runs.map(({ tested }) => tested)))
  return (100 * (high - low)).toFixed(1)
}

function disputed(runs) {
  return `${runs.filter(({ majority }) => majority !== undefined).length} of ${runs.length}`
}
