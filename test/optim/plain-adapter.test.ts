/** The plain engine against TensorFlow's, on the same adapters, rows and parts of a loss. */
import { describe, expect, test } from 'vitest'
import { methodOf, statisticsOf, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { methods } from '../../src/plugins.ts'
import type { Hyperparameters, MethodPlugin, TrainRow } from '../../src/contracts/adapter.ts'
import type { Random } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { LossPart } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import {
  EngineAdapter,
  type Gradients,
  type LossOf,
} from '../../src/optim/engines/engine-adapter.ts'
import { isPlain, PlainAdapter } from '../../src/optim/engines/plain-adapter.ts'
import { lossOf } from '../../src/optim/loss.ts'
import { globalNorm, optimizerOf } from '../../src/optim/optimizer.ts'
import { stepped, type Weights } from '../../src/optim/weights.ts'
import { labelledPlan, type LabelledPlan } from '../tasks/labelled-plan.ts'
import { bert, randomAdapter, tensorsOf, tf } from '../trainer/rig.ts'
import { nameOf } from '../adapters/name-of.ts'

const linear = openFeatures({ size: 5 })
const deep = openFeatures({ size: 6, names: ['a', 'b', 'c', 'd'], hidden: [7, 4], window: 9 })
const labels = ['x', 'y', 'z']
const plans = [linear, deep]
  .flatMap((base) => Object.values<MethodPlugin>(methods).map((method) => planOf(base, method)))
  .concat(planOf(bert, head))
  .filter((plan) => canBe(plan))
const table = plans
  .filter(isPlain)
  .map((plan) => ({ plan, method: plan.config.method, layers: layersOf(plan) }))
// A closed form learns its head here, like any other; once is enough.
const learning = table.filter(({ plan }) => methodOf(plan).closedForm === undefined)

describe('the plain engine', () => {
  test('computes the head alone, of texts too, and low ranks on hidden layers', () => {
    const names = table.map(({ method, layers }) => `${method} ${layers}`)
    expect(names).toEqual(expect.arrayContaining(['head 0', 'head 2', 'head of texts', 'lora 2']))
  })

  test('leaves layers of texts and big networks to TensorFlow', () => {
    expect(isPlain(planOf(bert, lora))).toBe(false)
    expect(isPlain(planOf(openFeatures({ size: 784, hidden: [400] }), head))).toBe(false)
  })

  test.each(table)('$method $layers equals TensorFlow', ({ plan }) => {
    const parameters = shifted(plan)
    const engine = new EngineAdapter({ ...plan, tf, baseTensors: tensorsOf(plan.base) })
    const plain = new PlainAdapter(plan)
    engine.load(parameters)
    plain.load(parameters)
    for (const rows of [rowsOf(plan.base), partedRows(plan.base)]) {
      const step = { task: plan.task, head: labels, statistics: new Map() }
      const loss = (some: readonly TrainRow[], outputs: readonly Float32Array[]) =>
        lossOf(some, outputs, rows.length, step)
      const [one, other] = [plain, engine].map((each) => each.gradients(rows, loss, 'seed')) as [
        Gradients,
        Gradients,
      ]
      expect(one.loss).toBeCloseTo(other.loss, 4)
      expect([...one.gradients.keys()].sort()).toEqual([...other.gradients.keys()].sort())
      for (const [name, gradient] of one.gradients)
        expect(distance(gradient, other.gradients.get(name)!), name).toBeLessThan(1e-5)
      const ofRows: LossOf = (some, outputs, into) => lossOf(some, outputs, rows.length, step, into)
      const inPlace = [1, 2].map(() => plain.gradients(rows, ofRows, 'seed', false))
      expect(inPlace).toEqual([1, 2].map(() => ({ ...one, logits: [] })))
      const latents = rows.map(({ latent }) => latent)
      for (const [at, logits] of plain.logits(latents).entries())
        expect(distance(logits, engine.logits(latents)[at]!)).toBeLessThan(1e-5)
    }
    engine.dispose()
  })

  test.each(learning)('$method $layers is where TensorFlow is after 20 steps', ({ plan }) => {
    const engines = [
      new PlainAdapter(plan),
      new EngineAdapter({ ...plan, tf, baseTensors: tensorsOf(plan.base) }),
    ]
    const hyperparameters: Hyperparameters & { rateFactor: number } = {
      ...{ optimizer: 'adam', momentum: 0.9, rateFactor: 1 },
      ...{ learning_rate: 0.01, clip_norm: 1, weight_decay: 0.1, average: 0.9 },
    }
    const optimizer = optimizerOf(hyperparameters)
    const counted = new Set(statisticsOf(plan).map(({ name }) => name))
    const all = shifted(plan)
    const statistics = new Map([...all].filter(([name]) => counted.has(name)))
    const learning = new Map([...all].filter(([name]) => !counted.has(name)))
    const batches = [rowsOf(plan.base), partedRows(plan.base), rowsOf(plan.base).slice(0, 2)]
    const [plain, other] = engines.map((engine) => {
      let weights: Weights = { parameters: learning, slots: new Map(), steps: 0 }
      for (let step = 0; step < 20; step += 1) {
        const rows = batches[step % batches.length]!
        const of = { task: plan.task, head: labels, statistics: new Map() }
        engine.load(new Map([...weights.parameters, ...statistics]))
        const { gradients } = engine.gradients(
          rows,
          (some, outputs) => lossOf(some, outputs, rows.length, of),
          `${step}`,
        )
        const norm = globalNorm(gradients.values())
        weights = stepped(weights, optimizer, gradients, norm, hyperparameters)!
      }
      engine.dispose()
      return weights.parameters
    })
    for (const [name, { data }] of plain!)
      expect(distance(data, other!.get(name)!.data), name).toBeLessThan(1e-5)
  })
})

function planOf(base: Base, method: MethodPlugin): LabelledPlan {
  const dropout = ['lora', 'dora'].includes(nameOf(method)) ? 0.3 : undefined
  const config = { method: nameOf(method), rank: 2, alpha: 4, tail_layers: 'all', dropout } as const
  // Closed forms learn nothing here; what they see is of another size.
  const seen = method.open(config).closedForm === undefined ? viewOf(base, method, config) : base
  return labelledPlan({ base: seen, method, config }, labels)
}

function layersOf({ base }: AdapterPlan) {
  return base.rows === 'ids' ? 'of texts' : base.network.layers
}

function canBe(plan: AdapterPlan): boolean {
  try {
    randomAdapter(plan)
    return true
  } catch {
    return false
  }
}

/** Variances are positive. */
function shifted(plan: AdapterPlan) {
  const parameters = new Map(randomAdapter(plan))
  const statistics = parameters.get('features.statistics')
  if (statistics === undefined) return parameters
  parameters.set('features.statistics', {
    ...statistics,
    data: statistics.data.map((value) => Math.abs(value) + 0.1),
  })
  return parameters
}

function rowsOf(base: Base): TrainRow[] {
  const random = openRandom(3, 'rows')
  const targets = ['x', 'y', 'z', 'x'].map((label) => ({ kind: 'label', label }) as const)
  const wrong = ['y', 'x'].map((label) => ({ kind: 'not', label }) as const)
  return [...targets, ...wrong].map((target) => rowOf(base, target, random))
}

function rowOf(base: Base, target: LabelTarget, random: Random): TrainRow {
  const width = base.network.latentWidth(0)
  const drawn = Float32Array.from({ length: width }, () => random.normal())
  const length = base.network.unit ? Math.hypot(...drawn) : 1
  const data = drawn.map((value) => value / length)
  return { latent: { positions: 1, width, data }, target, weight: 0.5 + random.uniform() }
}

/** What rehearsal adds: shares of their own, fewer labels to choose from, logits to keep near to. */
function partedRows(base: Base): TrainRow[] {
  const parts: LossPart[] = [
    { target: 0.4, logits: 0.3 },
    { target: 0.2, among: [1, 2] },
    { target: 0, logits: 0.5 },
    { target: 0.1 },
    { target: 0.2, among: [0, 1] },
    { target: 0.3 },
  ]
  return rowsOf(base).map((row, at) => ({
    ...row,
    part: parts[at]!,
    logits: Float32Array.of(0.5, -1),
  }))
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0)
}
