/**
 * Poisoned feedback, with the defences off and on: the accuracy of what was served to honest clients. A head on use-lite with
 * the defaults, on the sentences of the `sentiment` package in random order, from ten sources.
 *
 *   node test/bench/poison.mjs [--seeds 3] [--dev]
 *
 * The settings of the defence were chosen with the seeds of `--dev`; others are reported.
 */
import { openBase } from '../../dist/src/config/model-parts.js'
import { cutOf } from '../../dist/src/adapters/target-modules.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../dist/src/optim/base-tensors.js'
import { finish, machine, say } from './figures.mjs'
import { latentsOf } from './text-latents.mjs'
import { seenBy } from './text-learner.mjs'
import { sentences } from './texts.mjs'
import { poisonedStream } from './poison-stream.mjs'
import { defences, poisonTrial } from './poison-trial.mjs'

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

const startedOn = machine()
const words = process.argv.slice(2)
const seedsAt = words.indexOf('--seeds')
const count = seedsAt < 0 ? 3 : Number(words[seedsAt + 1])
const from = words.includes('--dev') ? 1 : 101
const onlyAt = words.indexOf('--only')
const only = onlyAt < 0 ? '' : words[onlyAt + 1]

const { tf } = await openTensorFlow({ threads: 1 })
const base = seenBy(await openBase('use-lite'), settings)
const engine = { tf, baseTensors: new BaseTensors(tf, base) }
const rows = sentences().map((row, at) => ({ ...row, key: `k${String(at).padStart(5, '0')}` }))
const latents = await latentsOf(base, cutOf(0, base.network.layers), rows)

const results = {}
for (const [name, { defence, ...plan }] of Object.entries(scenarios)) {
  if (!name.includes(only)) continue
  const sides = { off: undefined, on: { ...defences, ...defence } }
  results[name] = {}
  for (const [side, chosen] of Object.entries(sides)) {
    const trials = Array.from({ length: count }, (_, at) => {
      const seed = from + at
      const events = poisonedStream(rows, { seed, ...plan })
      return poisonTrial({ engine, base, settings, seed, events, latents, defence: chosen })
    })
    const mean = (field) => trials.reduce((sum, trial) => sum + trial[field], 0) / count
    const served = Number(mean('served').toFixed(4))
    const shares = { wrong_learned: mean('wrong_learned') / Math.max(1, mean('wrong')) }
    if (side === 'on') shares.right_kept_back = mean('right_kept_back') / mean('honest')
    results[name][side] = { served, ...rounded(shares) }
    say(`${name}, ${side}: ${JSON.stringify(results[name][side])}`)
  }
}
finish('poison', startedOn, { seeds: count, from, results })

function rounded(values) {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Number(value.toFixed(3))]),
  )
}
