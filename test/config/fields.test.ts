/** A model on fields: its bases are written as under `base:`, and what cannot be is refused at its key. */
import { expect, test } from 'vitest'
import { openBase } from '../../src/config/model-parts.ts'
import { modelProblems } from '../../src/config/model-problems.ts'
import { parseConfig } from '../../src/config/config.ts'
import { thrown } from '../coded.ts'

const parsed = (fields: string, more = '') =>
  parseConfig(`models: { m: { labels: [a, b], base: { fields: ${fields} }${more} } }`, '/')

const whole = '{ schema: { amount: number }, bases: { note: use-lite } }'

test('a model on fields has the defaults of tables, with more decay; a bare head has none of them', () => {
  const { base, adapter, train } = parsed(whole).models.m!
  expect(base).toMatchObject({ fields: { bases: { note: 'use-lite' }, hidden: [64], window: 30 } })
  expect(adapter.method).toBe('full')
  expect(train).toMatchObject({ weight_decay: 10, weight_decay_steps: 600, average: 0.997 })
  const bare = parsed('{ bases: { note: use-lite }, standardise: false }').models.m!
  expect([bare.adapter.method, bare.train.weight_decay]).toEqual(['head', 0])
})

test('the base of a field is the one that another model has opened', async () => {
  const note = await openBase('use-lite')
  const { network } = await openBase(parsed(`${whole.slice(0, -1)}, hidden: [] }`).models.m!.base)
  expect(network.width).toBe(1 + note.network.width + 1 + 3 + 1)
})

test.each([
  ['{ bases: { note: use-litt } }', '', 'm.base.fields.bases.note', 'did you mean "use-lite"'],
  ['{ bases: {} }', '', 'm.base.fields.bases', 'has no field'],
  [
    '{ schema: { note: number }, bases: { note: use-lite } }',
    '',
    'm.base.fields.bases.note',
    'is a field of the schema, too',
  ],
  [
    '{ bases: { note: use-lite }, required: [nota] }',
    '',
    'm.base.fields.required.0',
    'is nota; known: note',
  ],
  [
    '{ bases: { note: { fields: { bases: {} } } } }',
    '',
    'm.base.fields.bases.note',
    'is "fields"; known: use-lite',
  ],
  [
    whole,
    ', adapter: { method: lora, tail_layers: 1 }',
    'm.adapter.tail_layers',
    'reaches layers of the bases of fields, which are frozen',
  ],
  [
    whole,
    ', adapter: { method: ranpac }',
    'm.adapter.method',
    'needs base.fields.standardise: false',
  ],
])('%s%s is refused at its key', (fields, more, key, message) => {
  const error = thrown(() => parsed(fields, more))
  expect(error.message.replaceAll('/', '.')).toContain(key)
  expect(error.message).toContain(message)
})

test('a base of a field that learns from the stream cannot be', async () => {
  const problems = await modelProblems(
    parsed(
      '{ bases: { note: { features: { size: 3 } } }, hidden: [] }',
      ', adapter: { method: head }',
    ),
  )
  expect(problems.map(({ message }) => message).join()).toContain(
    'give its columns as base.fields.schema',
  )
})
