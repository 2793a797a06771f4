/** Structured answers: which texts a JSON Schema allows, and which tokens may come next in one. */
import { expect, test } from 'vitest'
import type { Json } from '../../src/contracts/core.ts'
import { Expressions } from '../../src/nn/structured/expressions.ts'
import { schemaExpression, SchemaUnsupported } from '../../src/nn/structured/json-schema.ts'
import { allows, TokenMasks, TokenOrder } from '../../src/nn/structured/token-masks.ts'
import { openRandom } from '../../src/platform/random.ts'

function allowed(schema: Json, ...texts: readonly string[]): readonly boolean[] {
  const of = new Expressions()
  const start = schemaExpression(of, schema)
  return texts.map(
    (text) => Buffer.from(text).reduce((state, byte) => of.after(state, byte), start).isNullable,
  )
}

const order = {
  type: 'object',
  properties: {
    item: { type: 'string', maxLength: 8 },
    count: { type: 'integer', minimum: 1, maximum: 12 },
    gift: { type: 'boolean' },
    tags: { type: 'array', items: { enum: ['new', 'Größe', '"'] }, maxItems: 2 },
  },
  required: ['item', 'count', 'tags'],
  additionalProperties: false,
} as const

test('allows what the schema allows, compact or with a space behind commas and colons', () => {
  const right = [
    '{"item":"cup","count":12,"tags":[]}',
    '{"item": "cup", "count": 1, "gift": true, "tags": ["new", "Größe"]}',
    '{"item":"","count":7,"gift":false,"tags":["\\""]}',
    '{"item":"Gr\\u00f6ße 👍","count":7,"tags":[]}',
  ]
  expect(allowed(order, ...right)).toEqual(right.map(() => true))
})

test.each([
  ['a property that is missing', '{"item":"cup","tags":[]}'],
  ['another order', '{"count":1,"item":"cup","tags":[]}'],
  ['a property of its own', '{"item":"cup","count":1,"tags":[],"more":1}'],
  ['a string that is too long', '{"item":"teapots!!","count":1,"tags":[]}'],
  ['a number outside its bounds', '{"item":"cup","count":13,"tags":[]}'],
  ['a value that is not listed', '{"item":"cup","count":1,"tags":["old"]}'],
  ['too many items', '{"item":"cup","count":1,"tags":["new","new","new"]}'],
  ['two spaces', '{"item":  "cup","count":1,"tags":[]}'],
  ['a line break in a string', '{"item":"c\nup","count":1,"tags":[]}'],
  ['half of a surrogate pair', '{"item":"\\ud83d","count":1,"tags":[]}'],
  ['a leading zero', '{"item":"cup","count":01,"tags":[]}'],
  ['text behind it', '{"item":"cup","count":1,"tags":[]} '],
])('does not allow %s', (_, text) => {
  expect(allowed(order, text)).toEqual([false])
})

test('numbers, null, alternatives, references to itself, and any JSON', () => {
  const numbers = ['0', '-1.5', '2e10', '1E-3', '.5', '1.', '+1', '00', '1e999', 'NaN']
  expect(allowed({ type: 'number' }, ...numbers)).toEqual(numbers.map((_, index) => index < 4))
  expect(allowed({ type: ['integer', 'null'] }, 'null', '-0', '12', '1.0')).toEqual([
    ...[true, true, true, false],
  ])
  const tree = {
    $defs: {
      node: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          of: { type: 'array', items: { $ref: '#/$defs/node' } },
        },
        required: ['name'],
      },
    },
    anyOf: [{ $ref: '#/$defs/node' }, { const: null }],
  }
  expect(
    allowed(tree, '{"name":"a","of":[{"name":"b","of":[{"name":"c"}]}]}', 'null', '{"of":[]}'),
  ).toEqual([true, true, false])
  const any = ['{}', '{"a": [1, {"b": null}, "x"], "c": {}}', '[]', '"text"', '{"a"}', '{,}']
  expect(allowed({ type: 'object' }, ...any)).toEqual([true, true, false, false, false, false])
  expect(allowed({}, ...any)).toEqual([true, true, true, true, false, false])
})

test.each<readonly [Json, string]>([
  [{ type: 'string', pattern: 'a+' }, '#/pattern'],
  [
    { type: 'object', properties: { at: { type: 'string', format: 'date' } } },
    '#/properties/at/format',
  ],
  [{ type: 'array', prefixItems: [] }, '#/prefixItems'],
  [{ type: 'object', additionalProperties: { type: 'string' } }, '#/additionalProperties'],
  [{ oneOf: [{ type: 'null' }] }, '#/oneOf'],
  [{ type: 'integer', minimum: 3 }, '1000 integers'],
  [{ type: 'integer', minimum: 3, exclusiveMaximum: 3 }, 'no integer'],
  [{ type: 'string', minLength: 4, maxLength: 3 }, '#/maxLength'],
  [{ type: 'number', minimum: 0 }, '#/minimum'],
  [{ $ref: '#/$defs/none' }, '#/$defs/none is not in the schema'],
  [{ $ref: '#' }, '# is nothing but itself'],
  [
    { $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } }, $ref: '#/$defs/a' },
    'nothing but itself',
  ],
  [{ type: 'object', required: ['a'], properties: {} }, '"a" is none of its properties'],
  [{ type: 'text' }, '"text" is no type'],
  [{ enum: ['a'], const: 'b' }, 'no value is left'],
  [{ anyOf: Array(250).fill({ type: 'integer', minimum: 1, maximum: 1000 }) }, 'too large'],
  [false, 'not an object'],
])('refuses %j by its place', (schema, place) => {
  expect(() => allowed(schema, '')).toThrow(SchemaUnsupported)
  expect(() => allowed(schema, '')).toThrow(place)
})

test('where the tokens lack a byte, the text ends', () => {
  const all = ['{', '"', 'a', '}', ''].map((word) => Buffer.from(word))
  const table = {
    bytes: Uint8Array.from(Buffer.concat(all)),
    offsets: Int32Array.of(0, 1, 2, 3, 4, 4),
    ends: [4],
  }
  const of = new Expressions()
  const masks = new TokenMasks(of, new TokenOrder(table))
  const start = schemaExpression(of, { type: 'object', properties: { a: {} }, required: ['a'] })
  const allowedAt = (state: typeof start) =>
    all.flatMap((_, token) => (allows(masks.maskOf(state), token) ? [token] : []))
  expect(allowedAt(start)).toEqual([0])
  const named = [0, 1, 2, 1].reduce((state, token) => masks.after(state, token), start)
  // A colon has to come.
  expect(allowedAt(named)).toEqual([4])
})

/** Drawn texts of drawn tokens, whatever the model likes: what ends is always a JSON of the schema. */
test('any text that is drawn from the allowed tokens ends as the schema says', () => {
  const words = [
    '{"',
    '":',
    '": ',
    ', "',
    '","',
    'item',
    'it',
    'em',
    'count',
    'tags',
    '1',
    '12',
    '[]',
    '["',
    '"]',
    'Gr',
    'öß',
    'e"',
  ]
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
  const all = [
    ...bytes,
    ...words.map((word) => Uint8Array.from(Buffer.from(word))),
    new Uint8Array(),
  ]
  const offsets = Int32Array.from([
    0,
    ...all.map((_, at) => all.slice(0, at + 1).reduce((sum, each) => sum + each.length, 0)),
  ])
  const end = all.length - 1
  const table = { bytes: Uint8Array.from(all.flatMap((each) => [...each])), offsets, ends: [end] }
  for (let seed = 1; seed <= 20; seed += 1) {
    const of = new Expressions()
    const masks = new TokenMasks(of, new TokenOrder(table))
    const random = openRandom(seed, 'tokens')
    let state = schemaExpression(of, order)
    const written: number[] = []
    for (;;) {
      const mask = masks.maskOf(state)
      const tokens = all.flatMap((_, token) => (allows(mask, token) ? [token] : []))
      // A mask has all that fit and no more.
      const fitting = all.flatMap((each, token) => {
        const after = each.reduce((at, byte) => of.after(at, byte), state)
        const fits = token === end ? state.isNullable : after.kind !== 'nothing'
        return fits ? [token] : []
      })
      expect(tokens, `seed ${seed}`).toEqual(fitting)
      const token = tokens[Math.floor(random.uniform() * tokens.length)] ?? end
      if (token === end) break
      written.push(...(all[token] ?? []))
      state = masks.after(state, token)
    }
    const value = JSON.parse(Buffer.from(written).toString()) as { item: string; count: number }
    expect(value.count).toBeGreaterThanOrEqual(1)
    expect(Array.from(value.item).length).toBeLessThanOrEqual(8)
  }
})

test('bytes that an expression does not tell apart are stepped once', () => {
  const of = new Expressions()
  const [letter, digit] = [of.byte([97, 122]), of.byte([48, 57], [0x80, 0xff])]
  const state = of.sequence(of.repeat(letter, 0, 9), of.either(of.text('z7'), digit))
  const before = of.work
  const next = Array.from({ length: 256 }, (_, byte) => of.after(state, byte))
  expect(of.work - before).toBeLessThan(60)
  for (const [byte, found] of next.entries()) {
    const isLetter = byte >= 97 && byte <= 122
    const isDigit = (byte >= 48 && byte <= 57) || byte >= 0x80
    expect([byte, found.kind === 'nothing', found.isNullable]).toEqual([
      ...[byte, !isLetter && !isDigit, isDigit],
    ])
    expect(found === next[97]).toBe(isLetter && byte !== 122)
  }
})
