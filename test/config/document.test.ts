/** A model on documents: its defaults, and what cannot be. */
import { expect, test } from 'vitest'
import { modelProblems } from '../../src/config/model-problems.ts'
import { parseConfig } from '../../src/config/config.ts'
import { thrown } from '../coded.ts'

const parsed = (document: string, more = 'labels: [a, b]') =>
  parseConfig(`models: { m: { base: { document: ${document} }, ${more} } }`, '/')

test('a head is the default, RanPAC where labels are open and parts are pooled, and LoRA with attention', () => {
  const methodOf = (document: string, more?: string) =>
    parsed(document, more).models.m!.adapter.method
  expect(methodOf('{ of: use-lite }')).toBe('head')
  expect(methodOf('{ of: use-lite }', 'labels: { open: true }')).toBe('head')
  expect(methodOf('{ of: use-lite, pool: max }', 'labels: { open: true }')).toBe('ranpac')
  expect(methodOf('{ of: use-lite, pool: attention }')).toBe('lora')
})

test.each([
  ['{ pool: max }', '', 'm.base.document.of', 'is missing'],
  ['{ of: use-litt }', '', 'm.base.document.of', 'did you mean "use-lite"'],
  ['{ of: use-lite, pool: sum }', '', 'm.base.document.pool', 'mean'],
  [
    '{ of: use-lite }',
    'adapter: { method: lora, tail_layers: 1 }',
    'm.adapter.tail_layers',
    'reaches the base of the parts, which is frozen',
  ],
  [
    '{ of: use-lite, pool: attention }',
    'adapter: { method: head }',
    'm.base.document.pool',
    'an adapter with tail_layers: 1 learns',
  ],
  ['{ of: use-lite }', 'adapter: { method: slda }', 'm.base.document.pool', 'choose mean or max'],
])('%s %s is refused at its key', (document, more, key, message) => {
  const error = thrown(() => parsed(document, ['labels: [a, b]', more].filter(Boolean).join(', ')))
  expect(error.message.replaceAll('/', '.')).toContain(key)
  expect(error.message).toContain(message)
})

test('a base that reads no texts has no documents', async () => {
  const [problem] = await modelProblems(parsed('{ of: { features: { size: 2 } } }'))
  expect(problem?.message).toContain('reads no texts')
})
