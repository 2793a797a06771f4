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
import { answers, learn } from '../lib/text-learner.mjs'
import { configOf, LABELS } from './text-drift-learner.mjs'
import { encodedOf } from '../lib/text-latents.mjs'

/** Of the product: what a config for `count` labelled texts has. */
export function fewConfig(base, count, settings) {
  return configOf(base, { trigger: { policy: 'count', every: count, rest: 0 }, ...settings })
}

export async function fewRun({ tf, whole, model, seed, rows: { taught, tested }, compiling }) {
  const base = viewOf(whole, methodOf(model), adapterOf(model))
  const trunk = await openTrunkEngine(base, cutOf(model.adapter.tail_layers, base.network.layers))
  const fewShot = openPolicy('few_shot', policies.few_shot, model.few_shot)
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, fewShot, compiling },
    limit: 64,
  })
  const [used, started] = [cpuTime(), performance.now()]
  const examples = taught.map((row) => labelled(row.key, encodedOf(base, row), row.label))
  learn(learner, examples, await latentsOf(trunk, examples))
  const [cpu, seconds] = [used() / 1000, (performance.now() - started) / 1000]
  const tests = tested.map((row) => labelled(row.key, encodedOf(base, row), row.label))
  const right = answers(trainable, tested, await latentsOf(trunk, tests), LABELS)
  const { steps, dropped } = learner.updates.progress
  trainable.dispose()
  await trunk.close()
  return {
    accuracy: round((100 * right.filter(({ all }) => all).length) / tested.length),
    ...{ steps, dropped, cpuSeconds: round(cpu, 1), seconds: round(seconds, 1) },
  }
}

async function latentsOf(trunk, examples) {
  const latents = await trunk.encode(examples.map(({ encoded }) => encoded))
  return new Map(examples.map(({ key }, at) => [key, latents[at]]))
}
