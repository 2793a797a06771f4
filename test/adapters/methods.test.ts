import { describe, expect, it } from 'vitest'
import { type AdapterPlan, freshAdapter, sitesOf, specsOf } from '../../src/adapters/adapter.ts'
import { bitfit } from '../../src/adapters/bitfit.ts'
import { bottleneck } from '../../src/adapters/bottleneck.ts'
import { dora } from '../../src/adapters/dora.ts'
import { full } from '../../src/adapters/full.ts'
import { head } from '../../src/adapters/head.ts'
import { ia3 } from '../../src/adapters/ia3.ts'
import { loreft } from '../../src/adapters/loreft.ts'
import { lora } from '../../src/adapters/lora.ts'
import { norm } from '../../src/adapters/norm.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { thrown } from '../coded.ts'
import { methodConformance } from '../conformance/method.ts'
import {
  bert,
  bytesOf,
  hyperparameters,
  latents,
  open,
  planOf,
  randomAdapter,
  rows,
} from '../trainer/rig.ts'
import { nameOf } from './name-of.ts'

const config = { method: 'lora', rank: 3, alpha: 6, tail_layers: 'all' } as const

methodConformance(head, [{ ...config, method: 'head', tail_layers: 0 }])
methodConformance(lora, [
  config,
  { ...config, rank: 1, alpha: 5, tail_layers: 1 },
  { ...config, rank: 16, target_modules: ['query', 'value'] },
  { ...config, rank: 4, alpha: 5, rslora: true, ranks: { query: 2, output: 9 } },
  { ...config, dropout: 0.4 },
])
methodConformance(dora, [
  { ...config, method: 'dora', target_modules: ['key', 'intermediate'] },
  {
    ...{ ...config, method: 'dora', rank: 4, tail_layers: 1, rslora: true, dropout: 0.2 },
    ...{ target_modules: ['query', 'output'], ranks: { output: 7 } },
  },
])
methodConformance(ia3, [
  { ...config, method: 'ia3' },
  { ...config, method: 'ia3', tail_layers: 1, target_modules: ['intermediate', 'output'] },
])
methodConformance(bottleneck, [
  { ...config, method: 'bottleneck' },
  { ...config, method: 'bottleneck', tail_layers: 1, placement: 'pfeiffer', rank: 16 },
])
methodConformance(loreft, [
  { ...config, method: 'loreft' },
  { ...config, method: 'loreft', layers: [0], positions: { last: 2 } },
  { ...config, method: 'loreft', tail_layers: 1, rank: 16, positions: { first: 1, last: 1 } },
])
methodConformance(bitfit, [
  { ...config, method: 'bitfit' },
  { ...config, method: 'bitfit', tail_layers: 1 },
])
methodConformance(norm, [
  { ...config, method: 'norm' },
  { ...config, method: 'norm', tail_layers: 1 },
])
methodConformance(full, [
  { ...config, method: 'full' },
  { ...config, method: 'full', tail_layers: 1 },
])

describe('lora', () => {
  it('adapts every linear map of the tail unless the config names roles', () => {
    const plan = planOf({ config: { ...config, tail_layers: 1 } })
    const adapted = specsOf(plan).filter(({ name }) => name.endsWith('.lora_A'))
    const linear = sitesOf(plan).filter(({ kind }) => kind === 'linear')
    expect(adapted.map(({ name }) => name)).toEqual(linear.map(({ name }) => `${name}.lora_A`))
    const some = specsOf(planOf({ config: { ...config, target_modules: ['query'] } }))
    expect(some.map(({ name }) => name)).toEqual([
      'encoder.layer.0.attention.self.query.lora_A',
      'encoder.layer.0.attention.self.query.lora_B',
      'encoder.layer.1.attention.self.query.lora_A',
      'encoder.layer.1.attention.self.query.lora_B',
      'head.weight',
      'head.bias',
    ])
  })

  it('starts with A ~ N(0, 1/in) and B zero', () => {
    const plan = planOf({
      config: { ...config, rank: 16, target_modules: ['query', 'key', 'value'] },
    })
    const fresh = freshAdapter(plan, openRandom(1, 'fresh'))
    const a = [...fresh].flatMap(([name, { data }]) => (name.endsWith('_A') ? [...data] : []))
    const b = [...fresh].flatMap(([name, { data }]) => (name.endsWith('_B') ? [...data] : []))
    const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length
    expect(a.length).toBe(6 * 16 * 16)
    expect(variance * 16).toBeGreaterThan(0.9)
    expect(variance * 16).toBeLessThan(1.1)
    expect(new Set(b)).toEqual(new Set([0]))
  })

  it('refuses a rank above what a site can hold, and names the site', () => {
    for (const rank of [17, 0, 2.5, NaN]) {
      const error = thrown(() => specsOf(planOf({ config: { ...config, rank } })))
      expect(error).toMatchObject({
        code: 'ADAPTER_INVALID',
        details: {
          field: 'rank',
          allowed: '1 to 16',
          site: 'encoder.layer.0.attention.self.query',
        },
      })
    }
  })

  it('refuses an alpha that adds nothing or no number', () => {
    for (const alpha of [0, -1, NaN, Infinity])
      expect(thrown(() => specsOf(planOf({ config: { ...config, alpha } })))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details: { field: 'alpha' },
      })
  })

  it('refuses a role that the tail does not have, and names those that it has', () => {
    const error = thrown(() =>
      specsOf(planOf({ config: { ...config, target_modules: ['quary'] } })),
    )
    expect(error).toMatchObject({ code: 'ADAPTER_INVALID', details: { value: 'quary' } })
    expect(error.details.allowed).toContain('query')
  })

  it('refuses a tail without any linear map', () => {
    const error = thrown(() => specsOf(planOf({ config: { ...config, tail_layers: 0 } })))
    expect(error).toMatchObject({ code: 'ADAPTER_INVALID', details: { field: 'target_modules' } })
    expect(error.message).toContain('raise tail_layers')
  })
})

describe('sizes of the low-rank product', () => {
  const query = 'encoder.layer.1.attention.self.query'
  const planWith = (change: Partial<AdapterConfig>) =>
    planOf({ config: { ...config, tail_layers: 1, target_modules: ['query', 'value'], ...change } })

  it('are scaled by α/r of the site, or by α/√r', () => {
    const b = { shape: [4, 16], data: new Float32Array(64).fill(1) }
    const folded = (change: Partial<AdapterConfig>) =>
      lora
        .open({ ...config, ...change })
        .fold(new Map([[`${query}.lora_B`, b]]), bert)
        .get(`${query}.lora_B`)
    expect(folded({})!.data[0]).toBe(6 / 4)
    expect(folded({ rslora: true })!.data[63]).toBe(6 / 2)
  })

  it('have the rank of their role where it has one', () => {
    const plan = planWith({ ranks: { query: 5 } })
    const shapes = specsOf(plan).map(({ shape }) => shape.join())
    expect(shapes.slice(0, 4)).toEqual(['16,5', '5,16', '16,3', '3,16'])
    expect(lora.open(plan.config).peftConfig(sitesOf(plan), bert)).toMatchObject({
      ...{ r: 3, lora_alpha: 6, use_rslora: false, rank_pattern: { [query]: 5 } },
    })
  })

  it('are refused with the field, the value and the site or what is allowed', () => {
    for (const [change, details] of [
      [{ ranks: { quary: 2 } }, { field: 'ranks', value: 'quary', allowed: 'query, value' }],
      [{ ranks: { output: 2 } }, { field: 'ranks', value: 'output', allowed: 'query, value' }],
      [
        { ranks: { query: 17 } },
        { field: 'ranks.query', value: 17, allowed: '1 to 16', site: query },
      ],
      [{ dropout: 1 }, { field: 'dropout', value: 1 }],
      [{ dropout: -0.1 }, { field: 'dropout' }],
    ] as const)
      expect(thrown(() => specsOf(planWith(change)))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details,
      })
  })
})

describe('dora', () => {
  const plan = planOf({
    method: dora,
    config: { ...config, method: 'dora', target_modules: ['output'] },
  })
  const site = 'encoder.layer.1.output.dense'
  const at = `${site}.lora_magnitude_vector`

  it('starts from the lengths of the columns', () => {
    const { data } = bert.weights.get(`${site}.weight`)!
    const column = Array.from({ length: 24 }, (_, row) => data[row * 16 + 5]!)
    const fresh = freshAdapter(plan, openRandom(1, 'fresh')).get(at)!
    expect(fresh.shape).toEqual([16])
    expect(fresh.data[5]).toBeCloseTo(Math.hypot(...column), 6)
  })

  it('serves gains: length over that of W + s·A·B, and 1 to the bit where nothing was learned', () => {
    const gains = (adapter: Tensors) =>
      dora.open(plan.config).fold(adapter, plan.base).get(at)!.data
    expect(new Set(gains(freshAdapter(plan, openRandom(1, 'fresh'))))).toEqual(new Set([1]))
    const drawn = randomAdapter(plan)
    const [a, b] = [drawn.get(`${site}.lora_A`)!, drawn.get(`${site}.lora_B`)!]
    const { data: w } = bert.weights.get(`${site}.weight`)!
    for (const [column, gain] of gains(drawn).entries()) {
      const sums = Array.from({ length: 24 }, (_, row) => {
        const product = [0, 1, 2].map((k) => a.data[row * 3 + k]! * b.data[k * 16 + column]!)
        return w[row * 16 + column]! + (6 / 3) * product.reduce((sum, value) => sum + value, 0)
      })
      expect(gain).toBeCloseTo(drawn.get(at)!.data[column]! / Math.hypot(...sums), 5)
    }
  })

  it('sees the base with its lengths, which are made once', () => {
    expect(plan.base.hash).toBe(bert.hash)
    expect(viewOf(bert, dora, { ...plan.config, rank: 7 })).toBe(plan.base)
    expect(viewOf(plan.base, dora, plan.config)).toBe(plan.base)
  })

  it('gives a column of zeros a direction to turn to', () => {
    const name = `${site}.weight`
    const { shape, data } = bert.weights.get(name)!
    const hollow = { shape, data: data.map((value, at) => (at % 16 === 3 ? 0 : value)) }
    const base = { ...bert, weights: new Map([...bert.weights, [name, hollow]]) }
    const other = planOf({ ...plan, base })
    const trainable = open(other)
    const batch = rows(['a', 'b', 'c'], other)
    const [first, second] = [trainable.step(batch), trainable.step(batch)]
    expect(first.dropped || second.dropped).toBe(false)
    expect(second.loss).toBeLessThan(first.loss)
    trainable.dispose()
  })

  it('refuses a vector that is none on disk', () => {
    const wrong = new Map([
      [`base_model.model.${at}`, { shape: [1, 16], data: new Float32Array(16) }],
    ])
    expect(thrown(() => dora.open(plan.config).fromDisk(wrong, sitesOf(plan)))).toMatchObject({
      code: 'ADAPTER_TENSORS',
    })
  })
})

describe('ia3', () => {
  const own = (plan: AdapterPlan) =>
    specsOf(plan).flatMap(({ name, shape }) =>
      name.startsWith('head.') ? [] : [`${name} ${shape.join()}`],
    )

  it('scales keys, values and what the second map of a feed-forward layer reads', () => {
    const change = { ...config, method: 'ia3', tail_layers: 1 } as const
    expect(own(planOf({ method: ia3, config: change }))).toEqual([
      'encoder.layer.1.attention.self.key.ia3_l 16',
      'encoder.layer.1.attention.self.value.ia3_l 16',
      'encoder.layer.1.output.dense.ia3_l 24',
    ])
  })

  it('refuses a tensor of another place, another base, or turned the other way', () => {
    const plan = planOf({ method: ia3, config: { ...config, method: 'ia3' } })
    const at = 'base_model.model.encoder.layer.1.output.dense.ia3_l'
    for (const [name, shape] of [
      [at, [24, 1]],
      [at, [24]],
      [at.replace('.1.', '.7.'), [1, 24]],
      [at.replace('base_model.model.', ''), [1, 24]],
    ] as const)
      expect(
        thrown(() =>
          ia3
            .open(plan.config)
            .fromDisk(new Map([[name, { shape, data: new Float32Array(24) }]]), sitesOf(plan)),
        ),
      ).toMatchObject({ code: 'ADAPTER_TENSORS', details: { tensor: name } })
  })

  it('refuses a role that the tail does not have', () => {
    const plan = planOf({
      method: ia3,
      config: { ...config, method: 'ia3', target_modules: ['norm'] },
    })
    expect(thrown(() => specsOf(plan))).toMatchObject({
      code: 'ADAPTER_INVALID',
      details: { field: 'target_modules', value: 'norm' },
    })
  })
})

describe('bottleneck', () => {
  const planWith = (change: Partial<AdapterConfig>) =>
    planOf({ method: bottleneck, config: { ...config, method: 'bottleneck', ...change } })
  const places = (plan: AdapterPlan) =>
    specsOf(plan).flatMap(({ name }) => /^(.*)\.adapter_down\.weight$/.exec(name)?.[1] ?? [])

  it('stands behind both sublayers, or behind the feed-forward layer alone', () => {
    const behind = 'encoder.layer.1.output.dense'
    expect(places(planWith({ tail_layers: 1 }))).toEqual([
      'encoder.layer.1.attention.output.dense',
      behind,
    ])
    expect(places(planWith({ tail_layers: 1, placement: 'pfeiffer' }))).toEqual([behind])
  })

  it('refuses what has no place, another placement, and more width than the layer has', () => {
    for (const [change, details] of [
      [{ placement: 'parallel' }, { field: 'placement', value: 'parallel' }],
      [{ tail_layers: 0 }, { field: 'placement' }],
      [{ rank: 17 }, { field: 'rank', value: 17, allowed: '1 to 16' }],
    ] as const)
      expect(thrown(() => specsOf(planWith(change)))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details,
      })
  })
})

describe('loreft', () => {
  const planWith = (change: Partial<AdapterConfig>) =>
    planOf({ method: loreft, config: { ...config, method: 'loreft', ...change } })
  const rotate = 'encoder.layer.1.rotate_layer.weight'
  const source = 'encoder.layer.1.learned_source.weight'

  /** The farthest of RᵀR from I. */
  function skew(parameters: Tensors): number {
    const { shape, data } = parameters.get(rotate)!
    const [rows, columns] = shape as [number, number]
    let far = 0
    for (let i = 0; i < columns; i += 1)
      for (let j = 0; j < columns; j += 1) {
        let sum = i === j ? -1 : 0
        for (let row = 0; row < rows; row += 1)
          sum += data[row * columns + i]! * data[row * columns + j]!
        far = Math.max(far, Math.abs(sum))
      }
    return far
  }

  it('starts with orthonormal R, and W equal to it', () => {
    const fresh = freshAdapter(planWith({}), openRandom(1, 'fresh'))
    expect(skew(fresh)).toBeLessThan(1e-6)
    expect(fresh.get(source)).toEqual(fresh.get(rotate))
    expect(fresh.get(source)!.data).not.toBe(fresh.get(rotate)!.data)
  })

  it.each([0, 0.9])('keeps R orthonormal over steps, with average %d too', (average) => {
    const plan = planWith({})
    const trainable = open({
      ...plan,
      hyperparameters: { ...hyperparameters, learning_rate: 0.05, average },
    })
    const batch = rows(['a', 'b', 'c', 'a'], plan)
    const before = trainable.parameters().get(rotate)!
    const losses = Array.from({ length: 12 }, () => trainable.step(batch).loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
    const after = trainable.parameters()
    expect(skew(after)).toBeLessThan(1e-6)
    expect(skew(trainable.snapshot().tensors)).toBeLessThan(1e-6)
    const moved = after.get(rotate)!.data.map((value, at) => Math.abs(value - before.data[at]!))
    expect(Math.max(...moved)).toBeGreaterThan(0.01)
    trainable.dispose()
  })

  it('lets the average be where it was when R is brought back', () => {
    const plan = planWith({})
    const { retract: _, ...free } = loreft.open(plan.config)
    const slow = { ...hyperparameters, average: 0.9 }
    const [one, other] = [
      open({ ...plan, hyperparameters: slow }),
      open({ ...plan, method: { ...loreft, open: () => free }, hyperparameters: slow }),
    ]
    const batch = rows(['a', 'b', 'c', 'a'], plan)
    for (const trainable of [one, other]) trainable.step(batch)
    // The first step begins at one and the same place, so that only what is brought back differs.
    const meanOf = (trainable: ReturnType<typeof open>) => {
      const { tensors } = trainable.snapshot()
      const offset = tensors.get(`optimizer/average/${rotate}`)!.data
      return tensors.get(rotate)!.data.map((value, at) => value + offset[at]!)
    }
    const expected = meanOf(other)
    for (const [at, value] of meanOf(one).entries()) expect(value).toBeCloseTo(expected[at]!, 6)
    one.dispose()
    other.dispose()
  })

  it.each([{ first: 1 }, { last: 1 }, { first: 1, last: 2 }])(
    'edits %o of each text, whatever it is padded to',
    (positions) => {
      const plan = planWith({ tail_layers: 1, positions })
      const trainable = open({ ...plan, parameters: randomAdapter(plan) })
      const all = latents([3, 1, 6, 2], plan)
      const together = trainable.score(all)
      for (const [at, latent] of all.entries())
        for (const [label, value] of trainable.score([latent])[0]!.entries())
          expect(together[at]![label]).toBeCloseTo(value, 5)
      const everywhere = open({ ...planWith({ tail_layers: 1 }), parameters: randomAdapter(plan) })
      // Of one position, all are edited; of six, not.
      expect(everywhere.score([all[1]!])).toEqual(trainable.score([all[1]!]))
      expect(everywhere.score([all[2]!])).not.toEqual(trainable.score([all[2]!]))
      trainable.dispose()
      everywhere.dispose()
    },
  )

  it('refuses layers that are not in the tail, no position at all, and too many dimensions', () => {
    for (const [change, details] of [
      [{ layers: [1, 2] }, { field: 'layers', value: 2, allowed: '0, 1' }],
      [
        { tail_layers: 1, layers: [0] },
        { field: 'layers', value: 0, allowed: '1' },
      ],
      [{ tail_layers: 0 }, { field: 'tail_layers', value: 0 }],
      [{ positions: {} }, { field: 'positions' }],
      [{ positions: { first: 0.5 } }, { field: 'positions' }],
      [{ rank: 17 }, { field: 'rank', value: 17, site: 'encoder.layer.0' }],
    ] as const)
      expect(thrown(() => specsOf(planWith(change)))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details,
      })
  })
})

describe('full and bitfit', () => {
  it('hold every tensor of the tail, or every bias, under the names that the base has', () => {
    const inTail = [...bert.weights.keys()].filter((name) => name.startsWith('encoder.layer.1.'))
    const own = (method: MethodPlugin) =>
      specsOf(planOf({ method, config: { ...config, method: nameOf(method), tail_layers: 1 } }))
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('head.'))
    expect(own(full).sort()).toEqual(inTail.sort())
    expect(own(bitfit).sort()).toEqual(inTail.filter((name) => name.endsWith('.bias')).sort())
  })

  it('refuse a tail that has no weights', () => {
    for (const method of [full, bitfit]) {
      const plan = planOf({ method, config: { ...config, method: nameOf(method), tail_layers: 0 } })
      expect(thrown(() => specsOf(plan))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details: { field: 'tail_layers', value: 0 },
      })
    }
  })

  it('start from copies: a step changes the adapter and never the base', () => {
    const plan = planOf({ method: full, config: { ...config, method: 'full' } })
    const before = bytesOf(bert.weights)
    const trainable = open(plan)
    trainable.step(rows(['a', 'b'], plan))
    expect(bytesOf(trainable.parameters())).not.toEqual(
      bytesOf(freshAdapter(plan, openRandom(1, 'fresh'))),
    )
    trainable.dispose()
    expect(bytesOf(bert.weights)).toEqual(before)
  })
})

describe('the cut', () => {
  it('leaves the upper layers to the tail', () => {
    expect([cutOf('all', 6), cutOf(6, 6), cutOf(2, 6), cutOf(0, 6)]).toEqual([0, 0, 4, 6])
  })

  it('is refused above the number of layers', () => {
    for (const layers of [7, -1, 1.5])
      expect(thrown(() => cutOf(layers, 6))).toMatchObject({
        code: 'ADAPTER_INVALID',
        details: { field: 'tail_layers', value: layers, allowed: '0 to 6, or all' },
      })
  })
})
