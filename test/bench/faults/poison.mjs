/**
 * Poisoned feedback, with the defences off and on: the accuracy of what was served to honest clients. A head on use-lite with
 * the defaults, on the sentences of the `sentiment` package in random order, from ten sources.
 *
 *   node test/bench/faults/poison.mjs [--seeds 3] [--dev] [--only <words of a run's name>] [--fresh]
 *
 * The settings of the defence were chosen with the seeds of `--dev`, from 1 on; those from 101 on are reported. Each run is kept
 * in results/poison.json, or poison-dev.json, as soon as it is there.
 */
import { spread } from '../lib/figures.mjs'
import { openPoisonBench, points, settings } from './poison-bench.mjs'
import { baselines, poisonedStream } from './poison-stream.mjs'
import { defences } from './poison-trial.mjs'

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

const bench = await openPoisonBench('poison', { seeds: 3 })
const rows = []
let clean
for (const [name, { defence: special, ...plan }] of Object.entries(scenarios)) {
  const off = await measured(name, 'off', plan)
  const on = await measured(name, 'on', plan, { ...defences, ...special })
  clean ??= on
  rows.push([
    name,
    spread(off.map((run) => 100 * served(run))),
    spread(on.map((run) => 100 * served(run))),
    on === clean || on.length === 0 ? '' : points(clean, on, served),
    spread(on.map((each) => (100 * each.right_kept_back) / each.honest)),
  ])
}
const trivial = bench.seeds.map((seed) => baselines(poisonedStream(bench.rows, { seed })))
const table = {
  columns: [
    ...['stream', 'served right, off (%)', 'on', 'lost against clean, on (points)'],
    'right labels kept back (%)',
  ],
  rows,
  note: `Seeds ${bench.seeds.join(', ')}. On the clean stream the most frequent label so far is right in ${spread(trivial.map(({ majority }) => 100 * majority))} %, the label before in ${spread(trivial.map(({ last }) => 100 * last))} %.`,
}
await bench.show(table)

function measured(name, side, plan, defence) {
  const chosen = { ...settings, plan, defence: defence ?? null }
  return bench.measured(`${name}, ${side}`, chosen, (seed) => {
    return { events: poisonedStream(bench.rows, { seed, ...plan }), defence }
  })
}

function served({ served: share }) {
  return share
}
