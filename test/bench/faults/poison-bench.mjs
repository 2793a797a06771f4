/**
 * What the benches of poisoned feedback have in common: a head on use-lite with the defaults, on the sentences of the `sentiment`
 * package, and each run kept in a file of results as soon as it is there.
 *
 * Settings of the defence were chosen with the seeds of `--dev`, from 1 on; those from 101 on are reported.
 */
import { parseArgs } from 'node:util'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openResults } from '../lib/results.mjs'
import { finish, machine } from '../lib/figures.mjs'
import { latentsOf } from '../lib/text-latents.mjs'
import { seenBy } from '../lib/text-learner.mjs'
import { sentences } from '../lib/texts.mjs'
import { poisonTrial } from './poison-trial.mjs'
import { render } from '../lib/render.mjs'

export const settings = { adapter: { method: 'head' }, replay: { policy: 'reservoir' }, every: 16 }

/** `trialOf(seed)` gives the events of a run, its defence, and the rows to answer at the end. */
export async function openPoisonBench(name, { seeds: usualSeeds }) {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: String(usualSeeds) },
      dev: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      fresh: { type: 'boolean', default: false },
    },
  })
  const startedOn = machine()
  const bench = values.dev ? `${name}-dev` : name
  const results = openResults(bench, {
    machine: startedOn,
    fresh: values.fresh,
  })
  const first = values.dev ? 1 : 101
  const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => first + at)
  const { tf } = await openTensorFlow({ threads: 1 })
  const base = seenBy(await openBase('use-lite'), settings)
  const engine = { tf, baseTensors: new BaseTensors(tf, base) }
  const rows = sentences().map((row, at) => ({ ...row, key: `k${String(at).padStart(5, '0')}` }))
  const latents = await latentsOf(base, cutOf(0, base.network.layers), rows)

  return {
    ...{ seeds, rows, isDev: values.dev },
    /** A run for each seed; `chosen`: the settings that a kept run must have had. */
    async measured(name, chosen, trialOf) {
      const found = []
      for (const seed of seeds) {
        const work = () => poisonTrial({ engine, base, settings, seed, latents, ...trialOf(seed) })
        const run = `${name}, seed ${seed}`
        found.push((await results.run(run, { ...chosen, seed }, work, values.only)) ?? [])
      }
      return found.flat()
    },
    async show(table) {
      results.show(table)
      await render()
      finish(bench, startedOn, table)
    },
  }
}

/** By how many points the first runs are better than the others. */
export function points(better, worse, valueOf) {
  const [high, low] = [better, worse].map((runs) => {
    return runs.reduce((sum, run) => sum + valueOf(run), 0) / runs.length
  })
  return (100 * (high - low)).toFixed(1)
}
