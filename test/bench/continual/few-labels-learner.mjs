/**
 * The product on few labels: its learner by the config that a user would write, all texts in one update. Seconds are those
 * of the trunk and of learning, on one thread.
 */
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { adapterOf, methodOf } from '../../../dist/src/config/model-parts.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { policies } from '../../../dist/src/plugins.js'
import { cpuTime, round } from '../lib/figures.mjs'
import { labelled } from '../lib/learner.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { finish, learn } from '../lib/text-learner.mjs'
import { configOf } from './text-drift-learner.mjs'
import { encodedOf } from '../lib/text-latents.mjs'

/** Of the product: what a config for `count` labelled texts has. */
export function fewConfig(base, count, settings) {
  return configOf(base, { trigger: { policy: 'count', every: count, rest: 0 }, ...settings })
}

export async function fewRun({ tf, whole, model, seed, rows: { taught, tested }, compiling }) {
  const base = viewOf(whole, methodOf(model), adapterOf(model))
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const trunk = await openTrunkEngine(base, cut)
  const fewShot = openPolicy('few_shot', policies.few_shot, model.few_shot)
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, cut, fewShot, compiling },
    limit: 64,
  })
  const [used, started] = [cpuTime(), performance.now()]
  const examples = taught.map((row) => labelled(row.key, encodedOf(base, row), row.label))
  learn(learner, examples, await latentsOf(trunk, examples))
  const [cpu, seconds] = [used() / 1000, (performance.now() - started) / 1000]
  const tests = tested.map((row) => labelled(row.key, encodedOf(base, row), row.label))
  // As a version answers, with its memory.
  const scores = finish(learner.scoring.versionOn(tests), await latentsOf(trunk, tests))
  const { steps, dropped } = learner.updates.progress
  trainable.dispose()
  await trunk.close()
  return {
    accuracy: round((100 * scores.filter(({ error }) => error === 0).length) / tested.length),
    ...{ steps, dropped, cpuSeconds: round(cpu, 1), seconds: round(seconds, 1) },
  }
}

async function latentsOf(trunk, examples) {
  const latents = await trunk.encode(examples.map(({ encoded }) => encoded))
  return new Map(examples.map(({ key }, at) => [key, latents[at]]))
}
