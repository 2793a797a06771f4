import { describe, expect, it } from 'vitest'
import { type AdapterPlan, freshAdapter, sitesOf, specsOf } from '../../src/adapters/adapter.ts'
import { bitfit } from '../../src/adapters/bitfit.ts'
import { full } from '../../src/adapters/full.ts'
import { head } from '../../src/adapters/head.ts'
import { ia3 } from '../../src/adapters/ia3.ts'
import { lora } from '../../src/adapters/lora.ts'
import { cutOf } from '../../src/adapters/sites.ts'
import type { Method } from '../../src/contracts.ts'
import { openRandom } from '../../src/runtime/random.ts'
import { thrown } from '../coded.ts'
import { methodConformance } from '../conformance/method.ts'
import { bert, bytesOf, open, planOf, rows } from '../trainer/rig.ts'

const config = { method: 'lora', rank: 3, alpha: 6, tail_layers: 'all' } as const

methodConformance(head, [{ ...config, method: 'head', tail_layers: 0 }])
methodConformance(lora, [
  config,
  { ...config, rank: 1, alpha: 5, tail_layers: 1 },
  { ...config, rank: 16, sites: ['query', 'value'] },
])
methodConformance(ia3, [
  { ...config, method: 'ia3' },
  { ...config, method: 'ia3', tail_layers: 1, sites: ['intermediate', 'output'] },
])
methodConformance(bitfit, [
  { ...config, method: 'bitfit' },
  { ...config, method: 'bitfit', tail_layers: 1 },
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
    const some = specsOf(planOf({ config: { ...config, sites: ['query'] } }))
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
    const plan = planOf({ config: { ...config, rank: 16, sites: ['query', 'key', 'value'] } })
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
    const error = thrown(() => specsOf(planOf({ config: { ...config, sites: ['quary'] } })))
    expect(error).toMatchObject({ code: 'ADAPTER_INVALID', details: { value: 'quary' } })
    expect(error.details.allowed).toContain('query')
  })

  it('refuses a tail without any linear map', () => {
    const error = thrown(() => specsOf(planOf({ config: { ...config, tail_layers: 0 } })))
    expect(error).toMatchObject({ code: 'ADAPTER_INVALID', details: { field: 'sites' } })
    expect(error.message).toContain('raise tail_layers')
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
          ia3.fromDisk(new Map([[name, { shape, data: new Float32Array(24) }]]), sitesOf(plan)),
        ),
      ).toMatchObject({ code: 'ADAPTER_TENSORS', details: { tensor: name } })
  })

  it('refuses a role that the tail does not have', () => {
    const plan = planOf({ method: ia3, config: { ...config, method: 'ia3', sites: ['norm'] } })
    expect(thrown(() => specsOf(plan))).toMatchObject({
      code: 'ADAPTER_INVALID',
      details: { field: 'sites', value: 'norm' },
    })
  })
})

describe('full and bitfit', () => {
  it('hold every tensor of the tail, or every bias, under the names that the base has', () => {
    const inTail = [...bert.weights.keys()].filter((name) => name.startsWith('encoder.layer.1.'))
    const own = (method: Method) =>
      specsOf(planOf({ method, config: { ...config, method: method.name, tail_layers: 1 } }))
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('head.'))
    expect(own(full).sort()).toEqual(inTail.sort())
    expect(own(bitfit).sort()).toEqual(inTail.filter((name) => name.endsWith('.bias')).sort())
  })

  it('refuse a tail that has no weights', () => {
    for (const method of [full, bitfit]) {
      const plan = planOf({ method, config: { ...config, method: method.name, tail_layers: 0 } })
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
