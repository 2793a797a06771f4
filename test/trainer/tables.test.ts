/** The recipe for tables, as a config without an adapter gives it, learns what a linear model on the same numbers cannot. */
import { identified } from '../example-key.ts'
import { expect, it } from 'vitest'
import { openPolicies, openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { adapterOf, methodOf, openBase } from '../../src/config/model-parts.ts'
import type { Example, Head } from '../../src/contracts/task.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { parseConfig } from '../../src/config/config.ts'
import { jointRollback } from '../../src/evaluation/joint-rollback.ts'
import { openRandom } from '../../src/platform/random.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { BaseTensors } from '../../src/optim/base-tensors.ts'
import { Learner } from '../../src/learner/learner.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { tf } from './rig.ts'

type Row = readonly [features: readonly number[], label: string]

it('bends: inside and outside of a circle', async () => {
  const random = openRandom(1, 'circle')
  const rows = Array.from({ length: 700 }, (): Row => {
    const [x, y] = [random.uniform() * 4 - 2, random.uniform() * 4 - 2]
    return [[x, y], x * x + y * y < 2.4 ? 'in' : 'out']
  })
  expect(await lateAccuracy(rows, {})).toBeGreaterThan(0.93)
  expect(await lateAccuracy(rows, { hidden: [], bins: 0 })).toBeLessThan(0.75)
})

it('compares with what was recent: above or below the last twenty, wherever these wander', async () => {
  const random = openRandom(1, 'wandering')
  const seen: number[] = []
  let level = 0
  const rows = Array.from({ length: 700 }, (): Row => {
    level += random.normal()
    const x = level + 2 * random.normal()
    const last = seen.slice(-20)
    const mean = last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length)
    seen.push(x)
    return [[x], x > mean ? 'above' : 'below']
  })
  const [recent, without] = [await lateAccuracy(rows, {}), await lateAccuracy(rows, { window: 0 })]
  expect(recent).toBeGreaterThan(0.8)
  expect(without).toBeLessThan(recent - 0.1)
})

/** A linear rule on eight numbers, and a sentinel in all of them at some of the 500 rows. */
function linearRows(sentinels: Readonly<Record<number, number>>): readonly Row[] {
  const random = openRandom(3, 'linear')
  const rule = Array.from({ length: 8 }, () => random.normal())
  return Array.from({ length: 500 }, (_, at): Row => {
    const z = rule.map(() => random.normal())
    const label = z.reduce((sum, x, place) => sum + x * rule[place]!, 0) > 0 ? 'yes' : 'no'
    return [at in sentinels ? z.map(() => sentinels[at]!) : z, label]
  })
}

it.each([
  ['in the middle', { 250: 9999 }],
  ['in the first row', { 0: 9999 }],
  ['in the third row, and of another kind later', { 2: -999, 120: 9999, 310: 1e9 }],
])('a sentinel %s costs almost no accuracy', async (_, sentinels) => {
  const adapter = { method: 'head' }
  const clean = await lateAccuracy(linearRows({}), {}, { adapter })
  expect(clean).toBeGreaterThan(0.93)
  expect(await lateAccuracy(linearRows(sentinels), {}, { adapter })).toBeGreaterThan(clean - 0.08)
})

it('nor does it with hidden layers, pieces and a recent part', async () => {
  const clean = await lateAccuracy(linearRows({}), {})
  const found = await lateAccuracy(linearRows({ 1: 9999, 250: -999 }), {})
  expect(found).toBeGreaterThan(clean - 0.05)
})

/** Of the answers to the last 200 rows, each given before its row was learned. */
async function lateAccuracy(
  rows: readonly Row[],
  features: object,
  others: object = {},
): Promise<number> {
  const settings = {
    ...others,
    base: { features: { size: rows[0]![0].length, ...features } },
    labels: { open: true },
    trigger: { policy: 'count', every: 1 },
  }
  const model = parseConfig(JSON.stringify({ models: { m: settings } }), '/').models.m!
  const base = await openBase(model.base)
  const trunk = await openTrunkEngine(base, 0)
  const method = methodOf(model)
  const task = classificationOf({ open: true, limit: 10 })
  const plan = { base, method, task, config: adapterOf(model) }
  const freshParameters = (head: Head) =>
    freshAdapter({ ...plan, outputs: task.outputs(head) }, openRandom(1, 'fresh'))
  const trainable = openTrainable({
    ...{ ...plan, tf, head: [], parameters: freshParameters([]) },
    baseTensors: new BaseTensors(tf, base),
    hyperparameters: model.train,
    regularizer: openPolicy('regularizer', policies.regularizer, model.regularizer),
  })
  const learner = new Learner({
    ...{ trainable, task, freshParameters, train: model.train },
    memory: {
      replay: openPolicy('replay', policies.replay, model.replay),
      draw: openRandom(1, 'draw'),
      offer: openRandom(1, 'offer'),
    },
    trigger: openPolicy('trigger', policies.trigger, model.trigger),
    chance: openRandom(1, 'trigger'),
    rate: openPolicy('rate', policies.rate, model.rate),
    rollback: jointRollback(openPolicies('rollback', policies.rollback, model.rollback)),
  })
  const latentsOf = (examples: readonly Example[]) =>
    new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow!(encoded)]))
  let early = 0
  for (const [at, [vector, label]] of rows.entries()) {
    const encoded = base.encode({ kind: 'features', features: vector }, 0)
    const example = {
      ...identified('s', String(at)),
      encoded,
      target: { kind: 'label', label },
      weight: 1,
    } as const
    learner.accept(example, latentsOf([example]), 0)
    const told = learner.update()
    for (let next = told.next(); next.done !== true;) next = told.next(latentsOf(next.value))
    if (at === rows.length - 201) early = learner.scores.accuracy * learner.scores.count
  }
  const { accuracy, count } = learner.scores
  trainable.dispose()
  await trunk.close()
  return (accuracy * count - early) / 200
}
