/** A table beside fields that other bases read: what is in a row, what is missing, and what is refused at its place. */
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openFields } from '../../src/bases/fields/fields.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Json } from '../../src/contracts/core.ts'
import { isOf } from '../../src/contracts/payload.ts'
import type { Input } from '../../src/contracts/event.ts'
import { readInput } from '../../src/intake/events/fields.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { image } from '../../src/payloads/inputs/image.ts'
import { rejection, thrown } from '../coded.ts'
import { inputConformance } from '../conformance/payload.ts'
import { openTfjsEmbedder } from './embed.ts'

const note = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
/** Two numbers of the picture's bytes stand for its trunk. */
const photo: Base = {
  ...openFeatures({ size: 2, standardise: false }),
  ...{ name: 'bytes', hash: 'of bytes', reads: [image] },
  encode(input) {
    if (!isOf(input, image)) throw new Error('no picture')
    const file = Buffer.from(input.image, 'base64')
    return { data: Float32Array.of(file.length, file.at(-1) ?? 0) }
  },
}
const schema = {
  amount: { type: 'number', missing: [-1, 'n/a'] },
  sort: { type: 'category', columns: 3 },
} as const
const base = openFields({ schema, bases: { note, photo }, required: ['amount'] })
const [kind] = base.reads
const NOTE = note.network.width
/** Numbers, categories, the note, whether there is one, the photo, whether there is one, which numbers are given. */
const AT = { sort: 1, note: 4, hasNote: 4 + NOTE, photo: 5 + NOTE, hasPhoto: 7 + NOTE }
const GREY = { image: image.example }

const read = (fields: Json, of = base): Input =>
  readInput({ fields }, defaultLimits, '/input', of.reads)

async function rowOf(fields: Json, of = base, maxTokens = 16) {
  const input = read(fields, of)
  await of.prepare?.(input, maxTokens)
  return of.encode(input, maxTokens)
}

inputConformance(kind!)

test('a row has the table, and each embedding at one length with a mark that it is given', async () => {
  const { data } = await rowOf({ amount: 3, sort: 'hail', note: 'a dent', photo: GREY })
  const embedder = await openTfjsEmbedder(note)
  const [own] = await embedder.embed([note.encode({ kind: 'text', text: 'a dent' }, 16)], 0)
  await embedder.close()
  const length = Math.hypot(...data.slice(AT.note, AT.hasNote))
  expect([...data.slice(AT.note, AT.hasNote)]).toEqual(
    [...own!].map((x) => expect.closeTo(length * x, 4) as unknown),
  )
  expect(Math.hypot(...data.slice(AT.photo, AT.hasPhoto))).toBeCloseTo(length, 4)
  expect([data[0], data[AT.hasNote], data[AT.hasPhoto]]).toEqual([3, 1, 1])
})

test('a field that is absent, null or blank is missing, and its columns are zeros', async () => {
  const { data } = await rowOf({ amount: 3, sort: null, note: ' ' })
  expect([...data.slice(AT.sort, AT.hasPhoto + 1)].every((x) => x === 0)).toBe(true)
  expect(base.network.width).toBe(AT.hasPhoto + 1)
})

test('a base is another when a base of a field, its name or the schema is', () => {
  const other = { ...photo, hash: 'of other bytes' }
  const bases = [
    base,
    openFields({ schema, bases: { note, photo: other } }),
    openFields({ schema, bases: { text: note, photo } }),
    openFields({ schema: { amount: 'number' }, bases: { note, photo } }),
  ]
  expect(new Set(bases.map(({ hash }) => hash)).size).toBe(bases.length)
  expect(openFields({ schema, bases: { note, photo } }).hash).toBe(base.hash)
})

test('a field that is added later keeps what was learned of the others', async () => {
  const before = openFields({ schema, bases: { note } })
  const row = await rowOf({ amount: 3, sort: 'hail', note: 'a dent' }, before)
  const succession = base.successionFrom?.(before)
  expect(succession?.told).toMatch(/^features added: field photo by [0-9a-f]{16}$/)
  const { data } = await rowOf({ amount: 3, sort: 'hail', note: 'a dent' })
  expect(succession?.row(row).data).toEqual(data)
})

test('a text that is cut says so', async () => {
  const row = await rowOf({ amount: 1, note: 'a dent in the door of a car' }, base, 4)
  expect(row.kept).toBe(4)
  expect(row.dropped).toBeGreaterThan(0)
})

test.each<[string, Json, string, string]>([
  ['an unknown field', { amount: 1, nota: 'x' }, 'FIELD_UNKNOWN', '/input/fields/nota'],
  ['a required field that is missing', { note: 'x' }, 'FIELD_MISSING', '/input/fields/amount'],
  ['one by a value that means missing', { amount: 'n/a' }, 'INPUT_EMPTY', '/input/fields'],
  ['text for a number', { amount: 'three' }, 'FIELD_WRONG_KIND', '/input/fields/amount'],
  ['a number for a text', { amount: 1, note: 7 }, 'FIELD_WRONG_KIND', '/input/fields/note'],
  ['text for a picture', { amount: 1, photo: 'x' }, 'FIELD_WRONG_KIND', '/input/fields/photo'],
  [
    'two kinds',
    { amount: 1, photo: { ...GREY, text: 'x' } },
    'FIELD_WRONG_KIND',
    '/input/fields/photo',
  ],
  ['nothing', { amount: null, note: '' }, 'INPUT_EMPTY', '/input/fields'],
  ['a list', [1], 'FIELDS_INVALID', '/input/fields'],
  ['a number beyond the bound', { amount: 1e300 }, 'FEATURE_TOO_LARGE', '/input/fields/amount'],
  [
    'a picture that declares too many pixels',
    { amount: 1, photo: { image: bomb() } },
    'IMAGE_TOO_LARGE',
    '/input/fields/photo/image',
  ],
])('%s is refused at its place', (_, fields, code, pointer) => {
  const error = thrown(() => read(fields))
  expect([error.code, error.details.pointer]).toEqual([code, pointer])
})

test('an unknown field is left out where the config says so, and its schema takes it', () => {
  const open = openFields({ schema, bases: { note }, unknown: 'ignore' })
  expect(read({ amount: 1, nota: 'x' }, open)).toEqual({ kind: 'fields', fields: { amount: 1 } })
  const valid = (of: Base, value: Json) =>
    new Ajv({ strict: false }).validate(of.reads[0]!.schema(defaultLimits), value)
  expect([valid(open, { nota: 'x' }), valid(base, { amount: 1, nota: 'x' })]).toEqual([true, false])
})

test('a base that fails at a field says which', async () => {
  const torn = {
    ...photo,
    prepare: async () => Promise.reject(thrown(() => image.read(1, {}, ''))),
  }
  const of = openFields({ schema, bases: { photo: torn } })
  const { code, details, message } = await rejection(of.prepare!(read({ photo: GREY }, of), 1))
  expect([code, details.field]).toEqual(['IMAGE_INVALID', 'photo'])
  expect(message).toMatch(/^photo: /)
})

test('room for a picture is asked for once for each field that holds one', () => {
  const one = image.bytes!(defaultLimits)
  expect(kind!.bytes!(defaultLimits)).toBe(one)
  const two = openFields({ schema, bases: { front: photo, back: photo } })
  expect(two.reads[0]!.bytes!(defaultLimits)).toBe(2 * one)
})

/** A PNG of 100,000 × 100,000 pixels, as its header says. */
function bomb(): string {
  const file = Buffer.from(image.example as string, 'base64')
  file.writeUInt32BE(100_000, 16)
  file.writeUInt32BE(100_000, 20)
  return file.toString('base64')
}
