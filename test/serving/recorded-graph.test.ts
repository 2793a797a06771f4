/** Which adapters share a graph: over every setting of every method, those whose recorded graphs are the same, and no others. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { memoryPlanOf } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import { CodedError, type Setting } from '../../src/contracts/core.ts'
import { recordServing, type ServingParts } from '../../src/nn/record.ts'
import { methods } from '../../src/plugins.ts'
import { recordedGraph } from '../../src/serving/engine/engine-adapter.ts'
import { classificationHead as task } from '../../src/tasks/classification/head.ts'
import { fc, runs } from '../properties.ts'

const bert = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const table: Readonly<Record<string, MethodPlugin>> = methods
const roles = [...new Set(bert.network.sites(0).map(({ role }) => role))]

function partsOf(config: AdapterConfig, method = table[config.method]!): ServingParts {
  const base = viewOf(bert, method, config)
  return { base, cut: cutOf(config.tail_layers, base.network.layers), method, config, task }
}

/** Undefined for a config that this base refuses, such as a role that the tail does not have. */
function keyOf(config: AdapterConfig): string | undefined {
  try {
    return recordedGraph(partsOf(config), bert).key
  } catch (error) {
    if (error instanceof CodedError) return undefined
    throw error
  }
}

const bytesOf = (config: AdapterConfig) => Buffer.from(recordServing(partsOf(config)))

/** Values that mean something on a network of two layers. */
function valuesOf(setting: Setting): fc.Arbitrary<unknown> {
  switch (setting.type) {
    case 'integer': {
      const { minimum = 0, maximum = 1000 } = setting
      return fc.integer({ min: minimum, max: Math.min(maximum, Math.max(4, minimum + 8)) })
    }
    case 'number':
      return fc.constantFrom(0.25, 0.5, 0.75)
    case 'boolean':
      return fc.boolean()
    case 'choice':
      return fc.constantFrom(...setting.options)
    case 'constant':
      return fc.constant(setting.value)
    case 'list':
      return fc.uniqueArray(
        fc.constantFrom<string | number>(...(setting.of.type === 'text' ? roles : [0, 1])),
        { minLength: 1 },
      )
    case 'map':
      return fc.dictionary(fc.constantFrom(...roles), valuesOf(setting.of), { maxKeys: 2 })
    case 'group':
      return fc.record(arbitraries(setting.settings), { requiredKeys: [] })
    case 'either':
      return fc.oneof(...setting.of.map(valuesOf))
    default:
      throw new Error(`no values for a setting of the type ${setting.type}`)
  }
}

function arbitraries(settings: Readonly<Record<string, Setting>>) {
  const entries = Object.entries(settings).map(([name, setting]) => [name, valuesOf(setting)])
  return Object.fromEntries(entries) as Record<string, fc.Arbitrary<unknown>>
}

const configOf = (method: string): fc.Arbitrary<AdapterConfig> =>
  fc
    .record(arbitraries(table[method]!.settings), { requiredKeys: ['tail_layers'] })
    .map((settings) => ({ rank: 2, alpha: 4, ...settings, method }) as unknown as AdapterConfig)

test.each(Object.keys(methods))(
  'two adapters of %s, however their settings differ, share a graph if and only if it is the same',
  (method) => {
    fc.assert(
      fc.property(configOf(method), configOf(method), (one, other) => {
        const [key, another] = [keyOf(one), keyOf(other)]
        fc.pre(key !== undefined && another !== undefined)
        expect(key === another).toBe(bytesOf(one).equals(bytesOf(other)))
      }),
      { numRuns: runs(15) },
    )
  },
)

test('no two methods that compute differently share a graph', () => {
  const names = Object.keys(methods)
  fc.assert(
    fc.property(
      fc.constantFrom(...names).chain(configOf),
      fc.constantFrom(...names).chain(configOf),
      (one, other) => {
        const [key, another] = [keyOf(one), keyOf(other)]
        fc.pre(key !== undefined && another !== undefined)
        expect(key === another).toBe(bytesOf(one).equals(bytesOf(other)))
      },
    ),
    { numRuns: runs(30) },
  )
})

const settings = Object.entries(table).flatMap(([method, { settings }]) =>
  Object.entries(settings).map(([name, setting]) => ({ method, name, setting })),
)

test.each(settings)(
  'the property meets the setting $name of $method',
  ({ method, name, setting }) => {
    const found = fc
      .sample(valuesOf(setting), { numRuns: 60, seed: 1 })
      .map((value) => ({ method, rank: 2, alpha: 4, tail_layers: 2, [name]: value }))
      .filter((config) => keyOf(config) !== undefined)
      .map((config) => JSON.stringify((config as AdapterConfig)[name]))
    expect(new Set(found).size).toBeGreaterThan(1)
  },
)

test('a setting that no list names tells graphs apart', () => {
  const plugin: MethodPlugin = {
    ...methods.head,
    open: ({ shift = 0 }) => ({
      ...methods.head.open(),
      view: undefined as never,
      adaptation: (ops) => ({
        linear: (_site, _x, _weight, _bias, plain) => plain(),
        norm: (_site, scale, bias, apply) => apply(scale, bias),
        output: (_site, h) => ops.add(h, ops.scalar(Number(shift))),
      }),
    }),
  }
  const key = (shift: number) =>
    recordedGraph(
      partsOf({ method: 'new', rank: 0, alpha: 1, tail_layers: 1, shift }, plugin),
      bert,
    ).key
  expect(key(1)).not.toBe(key(2))
  expect(key(1)).toBe(key(1))
})

test('a memory that compares at the cut adds no second pass of the layers above it', () => {
  const parts = partsOf({ method: 'lora', rank: 2, alpha: 4, tail_layers: 2 })
  const shape = { slots: 32, items: 1 }
  const products = (memory?: Parameters<typeof memoryPlanOf>[0]) => {
    const plan = memory && memoryPlanOf(memory, bert, parts.config)
    const graph = Buffer.from(recordServing({ ...parts, memory: plan })).toString('latin1')
    return graph.split('MatMul').length
  }
  // Cosines, the share of the head, and votes.
  expect(products({ ...shape, at_cut: true }) - products()).toBe(4)
  expect(products(shape) - products()).toBeGreaterThan(12)
})

test('settings that change tensors only share a graph, so that a swap builds none', () => {
  const lora = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 }
  const keys = [lora, { ...lora, rank: 7 }, { ...lora, alpha: 9, rslora: true, dropout: 0.5 }]
  expect(new Set(keys.map(keyOf)).size).toBe(1)
})

test('the graph of one configuration is recorded once, whatever versions follow', () => {
  let opened = 0
  const counted: MethodPlugin = {
    ...methods.lora,
    open(config) {
      opened += 1
      return methods.lora.open(config)
    },
  }
  const parts = {
    ...partsOf({ method: 'lora', rank: 3, alpha: 1, tail_layers: 2 }),
    method: counted,
  }
  const { key } = recordedGraph(parts, bert)
  expect(recordedGraph({ ...parts }, bert).key).toBe(key)
  expect(opened).toBe(1)
})
