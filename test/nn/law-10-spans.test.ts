/** Law 10 of every position: trainer, eager and compiled, and server give the same outputs for rows of any company. */
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { noPenalty } from '../../policies/none.ts'
import { specsOf, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openCausal } from '../../src/bases/causal/causal.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { AdapterConfig, TrainRow } from '../../src/contracts/adapter.ts'
import type { Base } from '../../src/contracts/base.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { positionsOf } from '../../src/payloads/rows.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, tasks } from '../../src/plugins.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { placedTarget } from '../../src/intake/encode-example.ts'
import { said, spansOf } from '../tasks/spans-of.ts'
import { randomVersion } from './random-version.ts'

const folder = (name: string) => fileURLToPath(new URL(`../reference/${name}`, import.meta.url))
const bases = {
  bert: await openBert(folder('tiny-bert/half')),
  causal: await openCausal(folder('tiny-causal/llama')),
  'use-lite': await openUseLite(),
}
const { tf } = await openTensorFlow()
const tensors = new Map(Object.values(bases).map((base) => [base, new BaseTensors(tf, base)]))
const opened: { close(): Promise<void> }[] = []
afterAll(async () => {
  for (const each of tensors.values()) each.dispose()
  for (const each of opened) await each.close()
})

const head = ['a', 'b']
const texts = ['good', 'not good at all', 'a', 'the quick brown fox and so on', 'good good']

const table = (
  [
    ['bert', 'lora'],
    ['bert', 'loreft'],
    ['bert', 'head'],
    ['causal', 'lora'],
    ['use-lite', 'full'],
  ] as const
).map(([name, method]) => ({ name, method, base: bases[name] }))

test.each(table)('$method on $name', async ({ base, method }) => {
  const plan = planOf(base, { method, rank: 2, alpha: 6, tail_layers: method === 'head' ? 0 : 1 })
  const version = randomVersion({ ...plan, labels: head }, openRandom(1, method))
  const rows = texts.map((text) => base.encode({ kind: 'text', text }, 64))
  const trunk = await openTrunkEngine(base, cutOf(plan.config.tail_layers, base.network.layers), {})
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  opened.push(trunk, engine)
  const latents = await trunk.encode(rows)
  await engine.load('v', version)
  const served = await engine.run(rows.map((encoded) => ({ adapter: 'v', encoded })))
  const [eager, compiled] = [trainableOf(plan, version), trainableOf(plan, version, true)]
  const [one, other] = [eager.score(latents), compiled.score(latents)]
  for (const [at, row] of rows.entries()) {
    const own = served[at]!
    expect(own).toHaveLength(9 * positionsOf(row))
    expect(one[at]).toHaveLength(own.length)
    const [alone] = compiled.score([latents[at]!])
    for (const [k, value] of own.entries())
      for (const trained of [one, other, { [at]: alone! }])
        expect(Math.abs(value - trained[at]![k]!)).toBeLessThan(1e-4)
  }
  // A step of all rows is the same on both engines, and teaches the tags.
  const batch = rows.map((encoded, at): TrainRow => {
    const input = { kind: 'text', text: texts[at]! }
    const target = spansOf({ known: head }).target(
      ...([{ kind: 'spans', spans: said([0, 1, head[at % 2]!]) }, undefined, head] as const),
    )
    const placed = placedTarget(target, { input, row: encoded }, plan.task, base)
    return { latent: latents[at]!, target: placed, weight: 1 }
  })
  const [a, b] = [eager.step(batch), compiled.step(batch)]
  expect(a.dropped).toBe(false)
  expect(b.loss).toBeCloseTo(a.loss, 4)
  expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 3)
  const again = [eager.step(batch), compiled.step(batch)].map(({ loss }) => loss)
  expect(again[0]).toBeLessThan(a.loss)
  expect(again[1]).toBeCloseTo(again[0]!, 3)
  for (const each of [eager, compiled]) each.dispose()
})

function planOf(
  base: Base,
  config: AdapterConfig,
): AdapterPlan & { readonly task: ReturnType<typeof spansOf> } {
  const method = methods[config.method as keyof typeof methods]
  const task = spansOf({ known: head })
  return { base: viewOf(base, method, config, task.reads), method, config, task, outputs: 9 }
}

function trainableOf(
  plan: ReturnType<typeof planOf>,
  version: ReturnType<typeof randomVersion>,
  isCompiled = false,
) {
  const { parameters } = version
  expect(specsOf(plan).map(({ name }) => name)).toEqual([...parameters.keys()])
  return openTrainable({
    ...plan,
    ...{
      head,
      tf,
      parameters,
      baseTensors: tensors.get(plan.base) ?? new BaseTensors(tf, plan.base),
    },
    ...(isCompiled && {
      compiling: {
        onEager(reason: string) {
          throw new Error(reason)
        },
      },
    }),
    hyperparameters: { learning_rate: 0.0005, optimizer: 'sgd', momentum: 0, clip_norm: 10 },
    regularizer: noPenalty.open({} as never),
  })
}
