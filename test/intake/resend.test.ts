import { expect, test } from 'vitest'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import { messageOf } from '../../src/intake/dead-letters/service.ts'
import { letter } from '../conformance/sink.ts'

const sent = (parts: Partial<DeadLetter>) => {
  const bytes = messageOf({ ...letter('k'), connector: 'kafka:t', ...parts })
  return Buffer.from(bytes).toString()
}
const json = (event: object) => Buffer.from(JSON.stringify(event))

test('an event that names no source keeps the one that brought it', () => {
  expect(JSON.parse(sent({ value: json({ id: 'a' }) }))).toEqual({ id: 'a', source: 'kafka:t' })
  expect(sent({ value: json({ id: 'a', source: 'desk' }) })).toBe('{"id":"a","source":"desk"}')
})

test('a CloudEvent in binary mode becomes a structured one', () => {
  const headers = { ce_id: 'e', ce_source: 'desk', ce_specversion: '1.0', other: 'x' }
  expect(JSON.parse(sent({ value: json({ label: 'yes' }), headers }))).toEqual({
    ...{ specversion: '1.0', id: 'e', source: 'desk' },
    data: { label: 'yes' },
  })
})

test('what is not a JSON object goes as it came', () => {
  expect(sent({ value: Buffer.from('not json') })).toBe('not json')
  expect(sent({ value: Buffer.from('[1]') })).toBe('[1]')
})
