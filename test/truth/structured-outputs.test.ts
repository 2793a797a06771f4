/** What a language model may write under a JSON Schema: the words of a schema hold together, or one is refused by name. */
import { readFileSync } from 'node:fs'
import { Ajv, type AnySchema } from 'ajv'
import { expect, test } from 'vitest'
import type { Json } from '../../src/contracts/core.ts'
import { Expressions, type Expression } from '../../src/nn/structured/expressions.ts'
import { schemaExpression, SchemaUnsupported } from '../../src/nn/structured/json-schema.ts'
import { openRandom } from '../../src/platform/random.ts'
import { structureOf } from '../../src/serving/services/generation/structure.ts'

function allowed(schema: Json, ...values: readonly Json[]): readonly boolean[] {
  const of = new Expressions()
  const start = schemaExpression(of, schema)
  return values.map((value) => fits(of, start, JSON.stringify(value)))
}

function fits(of: Expressions, start: Expression, text: string): boolean {
  return Buffer.from(text).reduce((state, byte) => of.after(state, byte), start).isNullable
}

const short = { type: 'string', maxLength: 3 }
const object = { type: 'object', properties: { a: { type: 'integer' }, b: short } }

test.each<readonly [string, Json, readonly Json[], readonly Json[]]>([
  ['a length beside allOf', { maxLength: 3, allOf: [{ type: 'string' }] }, ['Rom'], ['Paris']],
  ['allOf beside a type', { ...short, allOf: [{ minLength: 2 }] }, ['Rom'], ['Paris', 'x']],
  [
    'required beside allOf',
    { required: ['b'], allOf: [object] },
    [{ a: 1, b: 'x' }, { b: '' }],
    [{ a: 1 }],
  ],
  ['enum with type', { type: 'integer', enum: [1, 'two', 3] }, [1, 3], ['two']],
  ['enum with types', { type: ['string', 'null'], enum: [1, 'two', null] }, ['two', null], [1]],
  ['const with enum and type', { type: 'string', enum: ['a', 'b'], const: 'b' }, ['b'], ['a']],
])('%s holds together with what it stands beside', (_, schema, right, wrong) => {
  expect(allowed(schema, ...right)).toEqual(right.map(() => true))
  expect(allowed(schema, ...wrong)).toEqual(wrong.map(() => false))
})

test.each<readonly [string, Json, string]>([
  ['a const of another type', { const: 'two', type: 'integer' }, 'no value is left'],
  ['one word twice', { ...short, allOf: [{ maxLength: 9 }] }, '#/allOf/0'],
  [
    'properties of which additionalProperties knows nothing',
    { properties: { a: {} }, allOf: [{ type: 'object', additionalProperties: false }] },
    '#/allOf/0',
  ],
  [
    'a length beside a reference in allOf',
    { $defs: { a: { type: 'string' } }, maxLength: 3, allOf: [{ $ref: '#/$defs/a' }] },
    '#/allOf/0/maxLength',
  ],
  ['a bound of numbers', { type: ['number', 'integer'], minimum: 1, maximum: 2 }, '#/minimum'],
  ['a length beside enum', { enum: ['Paris'], maxLength: 3 }, '#/maxLength'],
  ['a list of no types', { type: [] }, '#/type'],
])('%s is refused by name', (_, schema, place) => {
  expect(() => allowed(schema, '')).toThrow(SchemaUnsupported)
  expect(() => allowed(schema, '')).toThrow(place)
})

test('an answer is checked by a validator that knows nothing of how it was written', () => {
  const structure = structureOf({ structure: { schema: object, param: 'response_format' } })!
  // The order of members and white space are a matter of writing alone.
  expect(['{"b":"x","a":1}', '{\n "a": 1 }'].map(structure.fits)).toEqual([true, true])
  expect(['{"a":"x"}', '{"a":1', 'x', ''].map(structure.fits)).toEqual(Array(4).fill(false))
  expect(() => structure.check('{"a":1')).toThrow('no token')
  const orText = structureOf({ structure: { schema: object, param: 'tools', orText: true } })!
  expect(['', 'Yes.', '{"a":1}', '{"a":'].map(orText.fits)).toEqual([true, true, true, false])
})

interface SuiteSchema {
  readonly draft: string
  readonly file: string
  readonly schema: Json
  readonly valid: readonly Json[]
  readonly invalid: readonly Json[]
}

const { schemas } = JSON.parse(
  readFileSync(new URL('../reference/json-schema-suite.json', import.meta.url), 'utf8'),
) as { schemas: readonly SuiteSchema[] }

test(`${schemas.length} schemas of the JSON-Schema-Test-Suite are refused or right, never wrong`, () => {
  const random = openRandom(1, 'suite')
  const kept = schemas.flatMap((each) => {
    const of = new Expressions()
    try {
      return [{ ...each, of, start: schemaExpression(of, each.schema) }]
    } catch (error) {
      expect(error).toBeInstanceOf(SchemaUnsupported)
      return []
    }
  })
  // Refusing everything would be right as well.
  expect(kept.length).toBeGreaterThan(100)
  for (const { of, start, draft, file, schema, valid, invalid } of kept) {
    const place = `${draft}/${file} ${JSON.stringify(schema)}`
    for (const value of invalid)
      expect(
        fits(of, start, JSON.stringify(value)),
        `${place} allows ${JSON.stringify(value)}`,
      ).toBe(false)
    // Members are written in one order, so that those of a `const` in another are not.
    if (file !== 'const.json')
      for (const value of valid)
        expect(
          fits(of, start, JSON.stringify(value)),
          `${place} lacks ${JSON.stringify(value)}`,
        ).toBe(true)
    const validate = new Ajv({ strict: false, meta: false, validateSchema: false }).compile(
      schema as AnySchema,
    )
    const drawn = Array.from({ length: 4 }, () => draw(of, start, random)).filter(
      (text) => text !== undefined,
    )
    for (const text of drawn)
      expect(validate(JSON.parse(text)), `${place} writes ${text}`).toBe(true)
    expect(drawn.length, place).toBeGreaterThan(0)
  }
})

/** Bytes that fit, most often those that end something; undefined if it gets long. */
function draw(
  of: Expressions,
  start: Expression,
  random: ReturnType<typeof openRandom>,
): string | undefined {
  const bytes: number[] = []
  let state = start
  while (bytes.length < 200) {
    const next = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => of.after(state, byte) !== of.nothing,
    )
    if (state.isNullable && (next.length === 0 || random.uniform() < 0.3))
      return Buffer.from(bytes).toString()
    const ends = next.filter((byte) => '"]}'.includes(String.fromCharCode(byte)))
    const from = ends.length > 0 && random.uniform() < 0.5 ? ends : next
    const byte = from[Math.floor(random.uniform() * from.length)]!
    bytes.push(byte)
    state = of.after(state, byte)
  }
  return undefined
}
