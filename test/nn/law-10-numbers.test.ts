/** Law 10 for a head whose outputs are no classes, or independent ones, and that both engines learn a number alike. */
import { afterAll, expect, test } from 'vitest'
import { noPenalty } from '../../policies/none.ts'
import { freshAdapter, specsOf, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openDocument } from '../../src/bases/document/document.ts'
import { openFields } from '../../src/bases/fields/fields.ts'
import { openPair } from '../../src/bases/pair/pair.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { methods, policies, tasks } from '../../src/plugins.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Input } from '../../src/contracts/event.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { sigmoid } from '../../src/nn/sigmoid.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { EngineAdapter } from '../../src/optim/engines/engine-adapter.ts'
import { lossOf } from '../../src/optim/loss.ts'
import { PlainAdapter } from '../../src/optim/engines/plain-adapter.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { openRanking } from '../../src/tasks/ranking/ranking.ts'
import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { randomVersion } from './random-version.ts'

const task = openRegression({ loss: 'huber', huber_delta: 1 })
/** As many outputs as a number has. */
const ranking = openRanking(
  { reward_min: 0, reward_max: 1, reward_window: 0 },
  openPolicy('exploration', policies.exploration, { policy: 'bootstrap', members: 2 }),
)
const others = {
  ranking,
  multilabel: openMultilabel({ open: false, known: ['a', 'b', 'c'], retired: [], limit: 8 }),
}
const { tf } = await openTensorFlow()
const features = openFeatures({ size: 3, standardise: false })
const cases = [
  { base: await openUseLite(), method: 'lora', tail_layers: 1 },
  { base: await openUseLite(), method: 'lora', tail_layers: 1, of: 'multilabel' },
  { base: await openUseLite(), method: 'ncm', tail_layers: 0, of: 'multilabel' },
  { base: await openUseLite(), method: 'head', tail_layers: 0 },
  { base: features, method: 'head', tail_layers: 0 },
  { base: openFeatures({ size: 3, hidden: [4] }), method: 'full', tail_layers: 'all' },
  {
    base: openPair({ context: { size: 3 }, item: { size: 2, standardise: false } }),
    method: 'head',
    tail_layers: 0,
    of: 'ranking',
  },
  {
    base: openDocument(await openUseLite(), 'attention'),
    method: 'full',
    tail_layers: 1,
    of: 'multilabel',
  },
  {
    base: openDocument(await openUseLite(), 'best'),
    method: 'head',
    tail_layers: 0,
    of: 'multilabel',
  },
  {
    base: openFields({
      schema: { a: 'number' },
      bases: { note: await openUseLite() },
      hidden: [4],
    }),
    method: 'full',
    tail_layers: 'all',
  },
] as const
const uploaded = new Map<Base, BaseTensors>()
afterAll(() => uploaded.forEach((tensors) => tensors.dispose()))

type Chosen = Pick<(typeof cases)[number], 'base' | 'method' | 'tail_layers'> & {
  readonly of?: keyof typeof others
}

function planOf({
  base,
  method,
  tail_layers,
  of,
}: Chosen): AdapterPlan & { readonly task: typeof task } {
  const config = { method, rank: 2, alpha: 4, tail_layers }
  const own = (of === undefined ? task : others[of]) as unknown as typeof task
  const seen = viewOf(base, methods[method], config)
  return { base: seen, method: methods[method], task: own, config, outputs: own.outputs(own.start) }
}

const tensorsOf = (base: Base) => {
  const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
  uploaded.set(base, tensors)
  return tensors
}

async function rowsOf(base: Base): Promise<readonly EncodedRow[]> {
  if (base.rows === 'ids')
    return ['good', 'not good at all'].map((text) => base.encode({ kind: 'text', text }, 64))
  const prepared = async (inputs: readonly Input[], maxTokens: number) => {
    await Promise.all(inputs.map(async (input) => base.prepare?.(input, maxTokens)))
    return inputs.map((input) => base.encode(input, maxTokens))
  }
  if (base.name === 'fields')
    return prepared(
      [{ a: 1, note: 'good' }, { a: -2 }].map((fields) => ({ kind: 'fields', fields })),
      64,
    )
  if (base.name === 'document')
    return prepared(
      ['good', 'Not good at all. It was bad. We like it.'].map((document) => ({
        ...{ kind: 'document', document },
      })),
      6,
    )
  const rows = [
    [1, -2, 0.5],
    [0.1, 0.2, 0.3],
  ]
  return rows.map((row, at) =>
    base.encode(
      base.name === 'pair'
        ? { kind: 'choice', choice: { context: row, item: [at, 2] } }
        : { kind: 'features', features: row },
      1,
    ),
  )
}

test.each(cases)('$method on $base.name answers alike in trainer and server', async (chosen) => {
  const plan = planOf(chosen)
  const facts = plan.task.facts(plan.task.start)
  const version = randomVersion({ ...plan, facts }, openRandom(1, chosen.method))
  const rows = await rowsOf(plan.base)
  const cut = cutOf(plan.config.tail_layers, plan.base.network.layers)
  const trunk = await openTrunkEngine(plan.base, cut)
  const trainable = openTrainable({
    ...{ ...plan, tf, head: plan.task.start, baseTensors: tensorsOf(plan.base) },
    hyperparameters: { learning_rate: 0, optimizer: 'sgd', momentum: 0, clip_norm: 1 },
    regularizer: noPenalty.open({} as never),
    parameters: version.parameters,
  })
  const trained = trainable.score(await trunk.encode(rows))
  trainable.dispose()
  await trunk.close()
  const engine = await openServingEngine({ base: chosen.base, methods, tasks, workers: 1 })
  await engine.load('v1', version)
  const served = await engine.run(rows.map((encoded) => ({ adapter: 'v1', encoded })))
  await engine.close()
  for (const [at, row] of served.entries()) {
    expect(row).toHaveLength(3)
    expect(Math.abs(row[0]!)).toBeGreaterThan(1e-4)
    for (const [column, output] of row.entries())
      expect(Math.abs(output - trained[at]![column]!)).toBeLessThan(1e-4)
  }
})

test.each(['slda', 'ranpac'] as const)(
  'labels that %s solved from sums are answered alike in trainer and server',
  async (method) => {
    const whole = await openUseLite()
    const config = {
      ...{ method, rank: 0, alpha: 1, tail_layers: 0 },
      ...(method === 'ranpac' && { features: 32 }),
    }
    const base = viewOf(whole, methods[method], config)
    const { multilabel } = others
    const head = ['a', 'b', 'c']
    const plan = { base, method: methods[method], task: multilabel, config, outputs: 3 }
    const parameters = freshAdapter(plan, openRandom(1, method))
    const trainable = openTrainable({
      ...{ ...plan, tf, head, parameters, baseTensors: tensorsOf(base) },
      hyperparameters: { learning_rate: 0, optimizer: 'sgd', momentum: 0, clip_norm: 1 },
      regularizer: noPenalty.open({} as never),
    })
    const texts = [
      'a parcel is late',
      'a late bill',
      'the bill is wrong',
      'hello',
      'a wrong parcel',
    ]
    const taught = [['a'], ['a', 'b'], ['b', 'c'], [], ['c']]
    const rows = texts.map((text) => whole.encode({ kind: 'text', text }, 64))
    const trunk = await openTrunkEngine(base, cutOf(0, base.network.layers))
    const latents = await trunk.encode(rows)
    await trunk.close()
    trainable.step(
      latents.map((latent, at) => ({
        ...{ latent, weight: 1 },
        target: { kind: 'all', yes: taught[at]! } as const,
      })),
    )
    const trained = trainable.score(latents)
    const { manifest } = randomVersion({ ...plan, labels: head }, openRandom(1, method))
    const version = { manifest, parameters: trainable.parameters() }
    trainable.dispose()
    const engine = await openServingEngine({ base: whole, methods, tasks, workers: 1 })
    await engine.load('v1', version)
    const served = await engine.run(rows.map((encoded) => ({ adapter: 'v1', encoded })))
    await engine.close()
    // Each label is found where it was taught.
    for (const [at, row] of served.entries())
      for (const [column, output] of row.entries()) {
        // So few examples are explained wholly and their logits are large: the difference is relative.
        expect(sigmoid(output)).toBeCloseTo(sigmoid(trained[at]![column]!), 4)
        expect(Math.abs(output / trained[at]![column]! - 1)).toBeLessThan(1e-4)
        expect(output > 0).toBe(taught[at]!.includes(head[column]!))
      }
  },
)

test('TensorFlow and plain JavaScript give one loss and one gradient', async () => {
  const plan = planOf({ base: features, method: 'head', tail_layers: 0 })
  const trunk = await openTrunkEngine(features, 0)
  const latents = await trunk.encode(await rowsOf(features))
  await trunk.close()
  const rows = latents.map((latent, at) => ({ latent, target: 0.3 - 2 * at, weight: 1 + at }))
  const random = openRandom(1, 'numbers')
  const parameters = new Map(
    specsOf(plan).map(({ name, shape }) => {
      const length = shape.reduce((product, size) => product * size, 1)
      return [name, { shape, data: Float32Array.from({ length }, () => 0.5 + random.uniform()) }]
    }),
  )
  const engines = [
    new PlainAdapter(plan),
    new EngineAdapter({ ...plan, tf, baseTensors: tensorsOf(features) }),
  ]
  const [plain, engine] = engines.map((each) => {
    each.load(parameters)
    const step = { task, head: task.start, statistics: parameters }
    const found = each.gradients(
      rows,
      (some, outputs) => lossOf(some, outputs, rows.length, step),
      'seed',
    )
    each.dispose()
    return found
  })
  expect(plain!.loss).toBeCloseTo(engine!.loss, 5)
  expect([...plain!.gradients.keys()].sort()).toEqual(['head.bias', 'head.weight'])
  for (const [name, gradient] of plain!.gradients)
    for (const [at, value] of gradient.entries())
      expect(value).toBeCloseTo(engine!.gradients.get(name)![at]!, 5)
})
