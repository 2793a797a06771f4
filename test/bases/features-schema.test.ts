/** A declared schema: what becomes of each value, and what of the model when another feature is declared. */
import { valuesOf } from '../../src/payloads/rows.ts'
import { describe, expect, it } from 'vitest'
import { freshAdapter, specsOf, type AdapterPlan, carriedOver } from '../../src/adapters/adapter.ts'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { full } from '../../src/adapters/full.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { openFeatures, type FeaturesOptions } from '../../src/bases/features/features.ts'
import { methods, tasks } from '../../src/plugins.ts'
import type { FeatureSchema } from '../../src/bases/features/schema.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { openRandom } from '../../src/platform/random.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { checkOrigin } from '../../src/versions/sealing.ts'
import { prepareAdapter } from '../../src/serving/engine/engine-adapter.ts'
import { randomVersion } from '../nn/random-version.ts'
import { PlainAdapter } from '../../src/optim/engines/plain-adapter.ts'
import { thrown } from '../coded.ts'
import { nameOf } from '../adapters/name-of.ts'

type Features = Readonly<Record<string, number | string | boolean>>

const schema: FeatureSchema = {
  age: { type: 'number', missing: [9999, -999], indicator: true },
  town: { type: 'category', columns: 4, missing: ['?'] },
  member: 'boolean',
}
const base = openFeatures({ schema })

function vector(of: Base, features: Features | readonly number[]): readonly number[] {
  const encoded = of.encode({ kind: 'features', features }, 0)
  return [...encoded.data]
}

describe('a schema', () => {
  it('gives numbers and booleans a column each, categories a block, and says what was given', () => {
    const [age, member, indicator, ...others] = vector(base, { member: true, age: 3, town: 'Oslo' })
    expect([age, member, indicator]).toEqual([3, 1, 0])
    expect(others.slice(0, 4).filter((value) => value !== 0)).toHaveLength(2)
    expect(others.slice(4)).toEqual([1, 1])
    expect(vector(base, { age: 3, member: 1, town: 'Oslo' })).toEqual(
      vector(base, { town: 'Oslo', member: true, age: 3 }),
    )
  })

  it.each<[string, Features]>([
    ['absent', { member: false }],
    ['declared values that mean missing', { age: 9999, town: '?', member: false }],
    ['another of them', { age: -999, member: false }],
  ])('takes %s for missing', (_, features) => {
    expect(vector(base, features)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 1])
  })

  it.each<[string, Features | readonly number[], string, string]>([
    ['a misspelt name', { aeg: 3 }, 'FEATURE_UNKNOWN', 'did you mean "age"?'],
    ['a category for a number', { age: 'old' }, 'FEATURES_INVALID', '"age" is declared a number'],
    ['a number for a boolean', { member: 2 }, 'FEATURES_INVALID', '"member" is declared a boolean'],
    ['a list', [3, 1], 'FEATURES_INVALID', 'send { name: value }'],
  ])('refuses %s, by name', (_, features, code, message) => {
    const error = thrown(() => vector(base, features))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it('may ignore what it does not declare', () => {
    const open = openFeatures({ schema, unknown: 'ignore' })
    expect(vector(open, { age: 3, shoe: 44 })).toEqual(vector(open, { age: 3 }))
    expect(open.hash).toBe(base.hash)
  })

  it('keeps the values of a category apart', () => {
    const countries = ['no', 'de', 'fr', 'us', 'it', 'es', 'nl', 'se', 'dk', 'fi']
    const of = openFeatures({ schema: { country: 'category' } })
    const vectors = countries.map((country) => String(vector(of, { country })))
    expect(new Set(vectors)).toHaveLength(countries.length)
    const one = openFeatures({ schema: { country: { type: 'category', columns: 1 } } })
    expect(vector(one, { country: 'no' }).map(Math.abs)).toEqual([1])
  })

  it('takes a category for what its text is', () => {
    const zip = openFeatures({ schema: { zip: 'category' } })
    expect(vector(zip, { zip: 90210 })).toEqual(vector(zip, { zip: '90210' }))
    expect(vector(zip, { zip: true })).toEqual(vector(zip, { zip: 'true' }))
  })
})

const shapes: readonly [string, MethodPlugin, FeaturesOptions][] = [
  ['a linear model', head, { bins: 2 }],
  ['the recipe for tables', full, { hidden: [5], bins: 3, window: 30 }],
  ['two layers without a shortcut', full, { hidden: [5, 4], window: 3, shortcut: false }],
]

describe.each(shapes)('%s goes on where a feature', (_, method, shape) => {
  const config = { method: nameOf(method), rank: 0, alpha: 1, tail_layers: 'all' } as const
  const planOf = (of: Base) => labelledPlan({ base: of, method, config }, ['a', 'b'])
  const random = openRandom(5, 'rows')
  const before = openFeatures({ ...shape, schema })
  const rows = Array.from({ length: 20 }, (): Features => ({
    ...(random.uniform() < 0.8 ? { age: 40 + 9 * random.normal() } : {}),
    town: `t${random.below(3)}`,
    member: random.uniform() < 0.5,
  }))

  it('is added, in whatever place: every answer stays as it was, and the new one begins at zero', () => {
    const added: FeatureSchema = {
      height: { type: 'number', indicator: true },
      street: { type: 'category', columns: 3 },
      ...schema,
    }
    const now = openFeatures({ ...shape, schema: added })
    const succession = carriedOver(planOf(now), { ...before, name: 'features' })!
    expect(succession.told).toContain('features added: height')
    const learned = learnedOn(planOf(before), rows)
    const moved = succession.tensors(learned)
    expect([...moved].map(([name, { shape }]) => [name, shape])).toEqual(
      [...learned.keys()].map((name) => [
        name,
        specsOf(planOf(now)).find((spec) => spec.name === name)!.shape,
      ]),
    )
    for (const row of rows) {
      const old = logits(planOf(before), learned, encodedBy(before, row))
      expect(logits(planOf(now), moved, encodedBy(now, row))).toEqual(near(old))
      expect(logits(planOf(now), moved, succession.row(encodedBy(before, row)))).toEqual(near(old))
      expect(logits(planOf(now), moved, encodedBy(now, { ...row, height: 3 }))).toEqual(near(old))
    }
  })

  it('says that it is declared otherwise, if the names are the same', () => {
    const names = Object.entries(schema).reverse()
    const now = openFeatures({ ...shape, schema: Object.fromEntries(names) })
    const succession = carriedOver(planOf(now), { ...before, name: 'features' })!
    expect(succession.told).toBe('the same features, declared otherwise')
  })

  it('is taken away, and is from then on what it was where it was missing', () => {
    const { age: _age, ...fewer } = schema
    const now = openFeatures({ ...shape, schema: fewer })
    const { indicator: _indicator, ...plain } = schema.age as { type: 'number'; indicator: boolean }
    const silent = openFeatures({ ...shape, schema: { ...schema, age: plain } })
    const learned = learnedOn(planOf(silent), rows)
    const moved = carriedOver(planOf(now), { ...silent, name: 'features' })!.tensors(learned)
    const row = { town: 't1', member: true }
    const old = logits(planOf(silent), learned, encodedBy(silent, row))
    expect(logits(planOf(now), moved, encodedBy(now, row))).toEqual(near(old))
  })

  it('moves the state of the optimizer, too', () => {
    const now = openFeatures({ ...shape, schema: { height: 'number', ...schema } })
    const learned = learnedOn(planOf(before), rows)
    const slots = new Map([...learned].map(([name, tensor]) => [`optimizer/m/${name}`, tensor]))
    slots.delete('optimizer/m/features.statistics')
    const { tensors } = carriedOver(planOf(now), { ...before, name: 'features' })!
    const moved = tensors(new Map([...learned, ...slots]))
    for (const [name, tensor] of moved)
      if (slots.has(name)) expect(tensor).toEqual(moved.get(name.slice('optimizer/m/'.length)))
  })
})

describe('a version of before a feature was added', () => {
  const before = openFeatures({ schema, hidden: [4], window: 3 })
  const now = openFeatures({ schema: { height: 'number', ...schema }, hidden: [4], window: 3 })
  const parts = { methods, tasks }
  const versionOn = (of: Base, method: MethodPlugin) => {
    const config = { method: nameOf(method), rank: 1, alpha: 1, tail_layers: 'all' } as const
    const plan = labelledPlan({ base: of, method, config }, ['a', 'b'])
    return randomVersion(plan, openRandom(1, 'version'))
  }

  it('is read as it goes on here, and served', () => {
    const version = versionOn(before, full)
    const files = openBundle({ base: before, ...parts }).write(version)
    const bundle = openBundle({ base: now, ...parts })
    expect(bundle.goesOn(version.manifest)).toBe(true)
    const parameters = bundle.read(files, version.manifest)
    const { manifest } = version
    const { tensors } = prepareAdapter({ base: now, ...parts }, 'k', { manifest, parameters })
    const [, , rows] = tensors['param:hidden.0.weight']?.shape ?? []
    expect(rows ?? parameters.get('hidden.0.weight')!.shape[1]).toBe(4)
    expect(parameters.get('head.weight')!.shape).toEqual([now.network.width, 2])
  })

  it('goes on by its adapter alone where it is a mixture', () => {
    const version = versionOn(before, full)
    const memory = { slots: 32, items: 3, mixture: true } as const
    const plan = labelledPlan({ base: before, method: full, config: version.manifest.adapter }, [
      'a',
      'b',
    ])
    const mixed = { ...plan, memory: { base: before, ...memory } }
    const { parameters } = randomVersion(mixed, openRandom(2, 'mixture'))
    const manifest = { ...version.manifest, memory }
    const files = openBundle({ base: before, ...parts }).write({ manifest, parameters })
    const here = openBundle({ base: now, ...parts }).read(files, manifest)
    expect([...here.get('memory.experts')!.data]).toEqual([1, 0, 0, 0, 0, 0, 0])
    expect(here.get('memory.keys')!.shape).toEqual([now.network.compared!.width, 32])
    const { graph } = prepareAdapter({ base: now, ...parts }, 'k', { manifest, parameters: here })
    const plain = prepareAdapter({ base: now, ...parts }, 'k', {
      manifest: version.manifest,
      parameters: openBundle({ base: now, ...parts }).read(
        openBundle({ base: before, ...parts }).write(version),
        version.manifest,
      ),
    })
    expect(graph.key).not.toBe(plain.graph.key)
  })

  it('is of another base where it cannot, with its code', () => {
    const { manifest, parameters } = versionOn(before, lora)
    const origin = { model: manifest.model, base: now, task: manifest.task }
    const bundle = openBundle({ base: now, ...parts })
    expect(bundle.goesOn(manifest)).toBe(false)
    expect(thrown(() => checkOrigin(manifest, { ...origin, bundle })).code).toBe('VERSION_FOREIGN')
    const prepared = () => prepareAdapter({ base: now, ...parts }, 'k', { manifest, parameters })
    expect(thrown(prepared).code).toBe('VERSION_FOREIGN')
  })
})

describe('nothing goes on', () => {
  const before = openFeatures({ schema, hidden: [4] })
  const now = openFeatures({ schema: { height: 'number', ...schema }, hidden: [4] })

  it('of an adapter that works with frozen layers that are others now; examples do', () => {
    const config = { method: 'lora', rank: 1, alpha: 1, tail_layers: 'all' } as const
    expect(carriedOver({ base: now, method: lora, config }, before)).toBeUndefined()
    expect(now.successionFrom!(before)).toBeDefined()
  })

  it.each<[string, Base, Base]>([
    ['other layers', openFeatures({ schema, hidden: [3] }), before],
    ['a list', openFeatures({ size: 3, hidden: [4] }), before],
  ])('from a base with %s', (_, earlier, later) => {
    expect(later.successionFrom!(earlier)).toBeUndefined()
  })

  it('from a base that this release makes another way', () => {
    const { name, settings } = before
    expect(now.successionFrom!({ name, hash: 'other', settings: settings! })).toBeUndefined()
    expect(now.successionFrom!({ name, hash: before.hash })).toBeUndefined()
  })
})

it('declared names without a schema go on, too, where as many columns are left to hash to', () => {
  const before = openFeatures({ size: 4, names: ['a', 'b'] })
  const now = openFeatures({ size: 5, names: ['a', 'new', 'b'] })
  const { row } = now.successionFrom!(before)!
  const features = { a: 3, b: 4, kind: 'x' }
  expect(row(encodedBy(before, features))).toEqual(encodedBy(now, features))
})

function encodedBy(of: Base, features: Features): EncodedRow {
  return of.encode({ kind: 'features', features }, 0)
}

/** Drawn at random, with what the base counts of these rows. */
function learnedOn(plan: AdapterPlan, rows: readonly Features[]): Tensors {
  const random = openRandom(1, 'learned')
  const drawn = [...freshAdapter(plan, random)].map(
    ([name, { shape, data }]) => [name, { shape, data: data.map(() => random.normal()) }] as const,
  )
  const blank = freshAdapter(plan, random)
  const latents = rows.map((row) => latentOf(encodedBy(plan.base, row)))
  return new Map([...drawn, ...plan.base.statistics!.observe(blank, latents)])
}

function latentOf(encoded: EncodedRow) {
  const data = valuesOf(encoded)
  return { positions: 1, width: data.length, data }
}

function logits(plan: AdapterPlan, parameters: Tensors, row: EncodedRow): readonly number[] {
  const engine = new PlainAdapter(plan)
  engine.load(parameters)
  return [...engine.logits([latentOf(row)])[0]!]
}

function near(values: readonly number[]): unknown {
  return values.map((value) => expect.closeTo(value, 4) as unknown)
}
