/** The compiled step is the eager one up to rounding: over every method, base, task, loss and policy that a step knows. */
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, onTestFinished, test, vi } from 'vitest'
import { methodOf, specsOf } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openCausal } from '../../src/bases/causal/causal.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { AdapterConfig, MethodPlugin, TrainRow } from '../../src/contracts/adapter.ts'
import type { Random } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Task } from '../../src/contracts/task.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable, type TrainableParts } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { nameOf } from '../adapters/name-of.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { bytesOf, grow, labelled, not, randomAdapter, tf } from '../trainer/rig.ts'

/** Enough for what a policy or a rate does every few steps. */
const STEPS = 12
/** Enough for what an equation does: each group of lengths twice, the second time with moments. */
const FEWER_STEPS = 8
const labels = ['a', 'b', 'c']
const bases = [
  await openUseLite(),
  await openBert(reference('tiny-bert/half')),
  await openCausal(reference('tiny-causal/llama')),
  // Large enough that plain JavaScript leaves it to the engine.
  openFeatures({ size: 3, hidden: [190, 180], window: 4, bins: 2 }),
]
const uploaded = new Map<Base, BaseTensors>()
afterAll(() => uploaded.forEach((tensors) => tensors.dispose()))

interface Plan {
  readonly base: Base
  readonly method: MethodPlugin
  readonly config: AdapterConfig
  readonly task: Task
  readonly outputs: number
  readonly head: readonly string[]
}

/** Settings that change the equation of a step. */
const changes = [
  { method: 'lora', dropout: 0.3, rslora: true, ranks: { query: 3 } },
  { method: 'dora', dropout: 0.2, target_modules: ['query', 'output'] },
  { method: 'loreft', positions: { first: 1, last: 2 } },
  { method: 'bottleneck', placement: 'pfeiffer' },
] as const
const plans = bases
  .flatMap((base) => [
    ...Object.values<MethodPlugin>(methods).flatMap((method) =>
      reachesOf(base).map((reach) => planOf(base, method, reach)),
    ),
    ...changes.map((change) => planOf(base, methods[change.method], 1, change)),
  ])
  .filter(isStepped)
  .map((plan) => ({ plan, name: nameOfPlan(plan) }))

test('every method that takes steps is tried on every kind of base', () => {
  const stepped = Object.entries<MethodPlugin>(methods).filter(
    ([, method]) =>
      planOf(bases[0]!, method, 1).method.open(configOf(method, 1)).closedForm === undefined,
  )
  const names = plans.map(({ name }) => name).join('\n')
  for (const [method] of stepped)
    for (const base of ['use-lite', 'bert']) expect(names).toContain(`${base} ${method} `)
  for (const method of ['lora', 'dora', 'ia3', 'bitfit', 'full'])
    expect(names).toContain(`features ${method} `)
  // Its maps have no bias.
  for (const method of ['lora', 'dora', 'ia3', 'loreft', 'bottleneck', 'norm', 'full'])
    expect(names).toContain(`causal ${method} `)
})

test.each(plans)('$name', ({ plan }) => {
  expectEqualSteps({ plan, rows: rowsOf(plan) }, FEWER_STEPS)
})

const plain = planOf(bases[1]!, methods.lora, 'all')

describe('the parts of a loss', () => {
  const parts = rowsOf(plain).map((row, at): TrainRow => {
    if (at % 4 === 1) return { ...row, part: { target: 0.5, among: [0, 1] } }
    if (at % 4 === 2) return { ...row, part: { target: 0.2, logits: 0.4 }, logits: kept(at) }
    return { ...row, weight: 1 + at, isReplayed: at % 4 === 3 }
  })

  it.each(Object.keys(policies.regularizer))('with the regularizer %s', (policy) => {
    const settings = 'every' in policies.regularizer[policy as 'lwf'].settings ? { every: 4 } : {}
    const regularizer = () =>
      openPolicy('regularizer', policies.regularizer, { policy, ...settings })
    expectEqualSteps({ plan: plain, rows: parts, regularizer })
  })

  it.each([
    { ...usual, momentum: 0, weight_decay: 0.1, weight_decay_steps: 10 },
    { ...adam, average: 0.9, clip_norm: 0.01 },
    { ...adam, weight_decay: 0.1 },
  ] as const)('with the optimizer settings %o', (hyperparameters) => {
    expectEqualSteps({ plan: plain, rows: parts, hyperparameters })
  })

  it.each(['huber', 'squared'])('of a number, %s', (loss) => {
    const task = openRegression({ loss, huber_delta: 1 })
    const plan = { ...plain, task, outputs: 1, head: task.start as readonly string[] }
    const rows = rowsOf(plan).map((row, at) => ({ ...row, target: 3 * at - 4 }))
    expectEqualSteps({ plan, rows })
  })
})

describe('a compiled trainable', () => {
  it('needs no new graph for other batches, lengths and outputs', () => {
    const { eager, compiled, dispose } = both({ plan: plain })
    for (const trainable of [compiled, eager]) {
      trainable.step(rowsOf(plain).slice(0, 2))
      grow(trainable, 'd', 'e')
      trainable.step([...rowsOf(plain), { ...rowsOf(plain)[0]!, target: labelled('e') }])
    }
    expectClose(compiled, eager)
    dispose()
  })

  it('takes the same steps again after a restore, bit by bit, and in another process as well', () => {
    const { compiled, dispose } = both({ plan: plain })
    const other = both({ plan: plain })
    const rows = rowsOf(plain)
    compiled.step(rows)
    const snapshot = compiled.snapshot()
    for (const trainable of [compiled, other.compiled]) {
      trainable.restore(snapshot)
      for (let at = 0; at < 5; at += 1) trainable.step(rows.slice(at))
    }
    expect(bytesOf(other.compiled.snapshot().tensors)).toEqual(bytesOf(compiled.snapshot().tensors))
    dispose()
    other.dispose()
  })

  it('drops a step on a row that is not finite, and leaves no tensor behind', () => {
    const { compiled, dispose } = both({ plan: plain })
    const rows = rowsOf(plain)
    compiled.step(rows)
    const count = tf.memory().numTensors
    const before = bytesOf(compiled.parameters())
    const bad = {
      ...rows[0]!,
      latent: { ...rows[0]!.latent, data: new Float32Array(16).fill(NaN), positions: 1 },
    }
    expect(compiled.step([...rows, bad]).dropped).toBe(true)
    expect(bytesOf(compiled.parameters())).toEqual(before)
    compiled.score(rows.map(({ latent }) => latent))
    expect(tf.memory().numTensors).toBe(count)
    dispose()
  })

  it('says why where it has to stay eager, and learns all the same', () => {
    const reasons: string[] = []
    const table = { name: 'table', shape: [128, 16], start: 'zeros' } as const
    const odd: MethodPlugin = {
      ...methods.bitfit,
      open: (config) => {
        const method = methods.bitfit.open(config)
        return {
          ...method,
          parameters: (sites) => [...method.parameters(sites), table],
          adaptation: (ops, sites, folded) => ({
            ...method.adaptation(ops, sites, folded),
            output: (_, h, mask) => ops.add(h, ops.positions(ops.param(table.name), mask)),
          }),
        }
      },
    }
    const plan = { ...planOf(bases[1]!, methods.bitfit, 'all'), method: odd }
    const { compiled, dispose } = both({ plan, onEager: (reason) => reasons.push(reason) })
    expect(reasons).toEqual(['it has a table of positions in its tail'])
    expect(compiled.step(rowsOf(plan)).dropped).toBe(false)
    dispose()
  })

  it('is the eager one, and says so, where TensorFlow refuses its graph', () => {
    const backend = tf.backend() as unknown as { loadSavedModelMetaGraph(): number }
    const load = vi.spyOn(backend, 'loadSavedModelMetaGraph').mockImplementation(() => {
      throw new Error('no memory')
    })
    onTestFinished(() => load.mockRestore())
    const reasons: string[] = []
    // One whose graph no other test has left open.
    const plan = planOf(bases[1]!, methods.ia3, 'all', { rank: 1 })
    const { eager, compiled, dispose } = both({ plan, onEager: (reason) => reasons.push(reason) })
    expect(reasons).toEqual(['TensorFlow does not take a recorded graph: no memory'])
    for (const trainable of [eager, compiled]) trainable.step(rowsOf(plan))
    expect(bytesOf(compiled.parameters())).toEqual(bytesOf(eager.parameters()))
    dispose()
  })
})

/** Adam divides a gradient by its own size: where it is near 0, a difference in the last bit becomes one of the whole step. */
const usual = { learning_rate: 2e-3, optimizer: 'sgd', momentum: 0.9, clip_norm: 1 } as const
const adam = { ...usual, learning_rate: 1e-3, optimizer: 'adam' } as const

/** Where a step begins changes its graph, not its equations: one base shows it. The whole of use-lite takes seconds. */
function reachesOf({ name }: Base): readonly (number | 'all')[] {
  if (name === 'use-lite') return [1]
  return name === 'bert' ? [0, 1, 'all'] : ['all']
}

interface Trial {
  readonly plan: Plan
  readonly rows?: readonly TrainRow[]
  readonly regularizer?: () => TrainableParts['regularizer']
  readonly hyperparameters?: TrainableParts['hyperparameters']
  readonly onEager?: (reason: string) => void
}

function both({ plan, regularizer = none, hyperparameters = usual, onEager = refuse }: Trial) {
  const parameters = randomAdapter(plan, 1, 0.1)
  const start = { ...plan, tf, baseTensors: tensorsOf(plan.base), hyperparameters, parameters }
  const eager = openTrainable({ ...start, regularizer: regularizer() })
  const compiled = openTrainable({ ...start, regularizer: regularizer(), compiling: { onEager } })
  const dispose = () => {
    eager.dispose()
    compiled.dispose()
  }
  return { eager, compiled, dispose }
}

function expectEqualSteps(
  trial: Trial & { readonly rows: readonly TrainRow[] },
  steps = STEPS,
): void {
  const { eager, compiled, dispose } = both(trial)
  for (let at = 0; at < steps; at += 1) {
    // The longest row is the last, and every fourth batch has it: another group is most of what an eager step costs.
    const rows = at % 4 === 0 ? trial.rows : trial.rows.slice((at % 4) - 1, -1)
    const factor = 1 / (1 + at / 10)
    const [one, other] = [eager.step(rows, factor), compiled.step(rows, factor)]
    expect(other.dropped).toBe(one.dropped)
    expect(Math.abs(other.loss - one.loss)).toBeLessThan(1e-5 * (1 + Math.abs(one.loss)))
  }
  expectClose(compiled, eager)
  dispose()
}

/** Weights, moments, and answers. */
function expectClose(compiled: ReturnType<typeof both>['compiled'], eager: typeof compiled): void {
  const [states, reference] = [compiled.snapshot().tensors, eager.snapshot().tensors]
  expect([...states.keys()]).toEqual([...reference.keys()])
  for (const [name, { data }] of reference) {
    const other = states.get(name)!.data
    const far = data.reduce(
      (most, value, at) => Math.max(most, Math.abs(value - other[at]!) / (1 + Math.abs(value))),
      0,
    )
    // Moments add up what the gradients of all steps differ by; a relu that a last bit turns over is the most of it.
    expect(far, name).toBeLessThan(name.startsWith('optimizer/') ? 1e-3 : 1e-5)
  }
}

function reference(name: string): string {
  return fileURLToPath(new URL(`../reference/${name}`, import.meta.url))
}

function refuse(reason: string): never {
  throw new Error(`stays eager: ${reason}`)
}

function none() {
  return openPolicy('regularizer', policies.regularizer, { policy: 'none' })
}

function configOf(method: MethodPlugin, reach: number | 'all', change: object = {}): AdapterConfig {
  const config = { method: nameOf(method), rank: 2, alpha: 6, tail_layers: reach }
  return { ...config, features: 32, depth: 2, ...change }
}

function planOf(base: Base, method: MethodPlugin, reach: number | 'all', change = {}): Plan {
  const config = configOf(method, reach, change)
  const task = classificationOf({ known: labels })
  const head = labels
  return { base: viewOf(base, method, config), method, config, task, head, outputs: labels.length }
}

/** Where the method finds a place, and learns by gradients. */
function isStepped(plan: Plan): boolean {
  if (methodOf(plan).closedForm !== undefined) return false
  try {
    return specsOf(plan).length > 0
  } catch {
    return false
  }
}

function nameOfPlan({ base, config }: Plan): string {
  const { method, rank: _, alpha, tail_layers, features, depth, ...change } = config
  expect([alpha, features, depth]).toEqual([6, 32, 2])
  return `${base.name} ${method} ${tail_layers} ${JSON.stringify(change)}`
}

function tensorsOf(base: Base): BaseTensors {
  const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
  uploaded.set(base, tensors)
  return tensors
}

/** Of unlike lengths, and on small bases so unlike that a step has more than one group; the longest is the last. */
function rowsOf(plan: Plan): readonly TrainRow[] {
  const random = openRandom(3, 'rows')
  const { name, network, rows, trunk } = plan.base
  const width = network.latentWidth(cutOf(plan.config.tail_layers, network.layers))
  const isVector = rows === 'values' || trunk !== undefined
  const targets = [...labels, ...labels].map(labelled)
  return [...targets, not('a'), not('b')].map((target, at) => {
    const unlike = name === 'use-lite' ? 1 + (at % 3) : at === 7 ? 60 : 1 + ((at * 5) % 7)
    const positions = isVector ? 1 : unlike
    return {
      latent: { positions, width, data: drawn(positions * width, random) },
      target,
      weight: 1,
    }
  })
}

function drawn(length: number, random: Random): Float32Array {
  return Float32Array.from({ length }, () => random.normal())
}

function kept(at: number): Float32Array {
  return Float32Array.of(at, -1, 0.5)
}
