/** Real learning: what two topics of plain sentences differ in is found on the packaged base, from a few examples. */
import { expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { hyperparameters, labelled, tf } from '../trainer/rig.ts'
import { nameOf } from '../adapters/name-of.ts'

const taught = {
  food: ['the soup was cold', 'we ate fresh bread', 'a sweet apple pie', 'cook the rice slowly'],
  travel: ['the train was late', 'we flew to Rome', 'a long road by car', 'book the ship early'],
}
const asked = {
  food: ['warm cheese and wine', 'fry the fish in butter'],
  travel: ['the bus leaves at noon', 'our hotel near the airport'],
}
const labels = Object.keys(taught) as (keyof typeof taught)[]
const base = await openUseLite()
const baseTensors = new BaseTensors(tf, base)

it.each<{ name: string; method: MethodPlugin; reach: number }>([
  { name: nameOf(head), method: head, reach: 0 },
  { name: nameOf(lora), method: lora, reach: 1 },
])('$name learns what separates two topics', async ({ name, method, reach }) => {
  const config = { method: name, rank: 4, alpha: 8, tail_layers: reach }
  const plan = labelledPlan({ base, method, config }, labels)
  const trunk = await openTrunkEngine(base, cutOf(reach, base.network.layers))
  const encode = (texts: readonly string[]) =>
    trunk.encode(texts.map((text) => base.encode({ kind: 'text', text }, 32)))
  const trainable = openTrainable({
    ...plan,
    tf,
    baseTensors,
    hyperparameters: { ...hyperparameters, learning_rate: 0.001 },
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    parameters: freshAdapter(plan, openRandom(1, 'fresh')),
  })
  const latents = await encode(labels.flatMap((label) => taught[label]))
  const rows = latents.map((latent, at) => ({
    latent,
    target: labelled(at < taught.food.length ? 'food' : 'travel'),
    weight: 1,
  }))
  for (let step = 0; step < 12; step += 1) trainable.step(rows)
  const logits = trainable.score(await encode(labels.flatMap((label) => asked[label])))
  const answers = logits.map((row) => classificationOf().decode(row, ofRow({ labels })).label)
  expect(answers).toEqual(['food', 'food', 'travel', 'travel'])
  trainable.dispose()
  await trunk.close()
})
