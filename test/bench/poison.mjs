/**
 * Poisoned feedback, with the defences off and on: the accuracy of what was served to honest clients. A head on use-lite with
 * the defaults, on the sentences of the `sentiment` package in random order, from ten sources.
 *
 *   node test/bench/poison.mjs [--seeds 3] [--dev] [--only <words of a run's name>] [--fresh]
 *
 * The settings of the defence were chosen with the seeds of `--dev`, from 1 on; those from 101 on are reported. Each run is kept
 * in results/poison.json, or poison-dev.json, as soon as it is there.
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
import { baselines, poisonedStream } from './poison-stream.mjs'
import { defences, poisonTrial } from './poison-trial.mjs'
import { render } from './render.mjs'

const settings = { adapter: { method: 'head' }, replay: { policy: 'reservoir' }, every: 16 }

/** A hostile source with 90 % of the volume sends nine events for each honest one. `trusted`: of two sources. */
const scenarios = {
  clean: {},
  'flips 1 %': { flips: 0.01 },
  'flips 5 %': { flips: 0.05 },
  'flips 10 %': { flips: 0.1 },
  'flips 20 %': { flips: 0.2 },
  'flips 40 %': { flips: 0.4 },
  'hostile 50 %': { hostile: 0.5 },
  'hostile 90 %': { hostile: 0.9 },
  'hostile 90 %, one trusted source': { hostile: 0.9, sources: 1, defence: { trusted: ['s0'] } },
  'all labels turn': { drift: true },
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    dev: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
  },
})
const startedOn = machine()
const bench = values.dev ? 'poison-dev' : 'poison'
const results = openResults(fileURLToPath(new URL(`results/${bench}.json`, import.meta.url)), {
  machine: startedOn,
  fresh: values.fresh,
})
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => (values.dev ? 1 : 101) + at)

const { tf } = await openTensorFlow({ threads: 1 })
const base = seenBy(await openBase('use-lite'), settings)
const engine = { tf, baseTensors: new BaseTensors(tf, base) }
const sentencesRead = sentences().map((row, at) => ({
  ...row,
  key: `k${String(at).padStart(5, '0')}`,
}))
const latents = await latentsOf(base, cutOf(0, base.network.layers), sentencesRead)

const rows = []
let clean
for (const [name, { defence: special, ...plan }] of Object.entries(scenarios)) {
  const off = await measured(name, 'off', plan)
  const on = await measured(name, 'on', plan, { ...defences, ...special })
  clean ??= on
  rows.push([
    name,
    spread(off.map(({ served }) => 100 * served)),
    spread(on.map(({ served }) => 100 * served)),
    on === clean || on.length === 0 ? '' : points(clean, on),
    spread(on.map((each) => (100 * each.right_kept_back) / each.honest)),
  ])
}
const trivial = seeds.map((seed) => baselines(poisonedStream(sentencesRead, { seed })))
const table = {
  columns: [
    ...['stream', 'served right, off (%)', 'on', 'lost against clean, on (points)'],
    'right labels kept back (%)',
  ],
  rows,
  note: `Seeds ${seeds.join(', ')}. On the clean stream the most frequent label so far is right in ${spread(trivial.map(({ majority }) => 100 * majority))} %, the label before in ${spread(trivial.map(({ last }) => 100 * last))} %.`,
}
results.show(table)
await render()
finish(bench, startedOn, table)

async function measured(name, side, plan, defence) {
  const found = []
  for (const seed of seeds) {
    const work = () => {
      const events = poisonedStream(sentencesRead, { seed, ...plan })
      return poisonTrial({ engine, base, settings, seed, events, latents, defence })
    }
    const chosen = { ...settings, plan, defence: defence ?? null, seed }
    const run = `${name}, ${side}, seed ${seed}`
    found.push((await results.run(run, chosen, work, values.only)) ?? [])
  }
  return found.flat()
}

function points(better, worse) {
  const [high, low] = [better, worse].map((runs) => mean(runs.map(({ served }) => served)))
  return (100 * (high - low)).toFixed(1)
}
