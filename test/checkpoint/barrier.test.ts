import { expect, test } from 'vitest'
import { behind, isBefore, type Barrier } from '../../src/checkpoint/saved.ts'
import type { ReceivedRecord } from '../../src/intake/join.ts'

function received(connector: string, timeMs?: number): ReceivedRecord {
  const place = { partition: '0', position: '1', next: '2', value: new Uint8Array() }
  return { connector, record: { ...place, ...(timeMs !== undefined && { timeMs }) } }
}

test('a record is before a rollback by its time, or by how many its source had', () => {
  const barrier: Barrier = { untilMs: 10, left: { kafka: 2 } }
  expect(isBefore(received('kafka', 10), barrier)).toBe(true)
  expect(isBefore(received('kafka', 11), barrier)).toBe(false)
  expect(isBefore(received('kafka'), barrier)).toBe(true)
  expect(isBefore(received('http'), barrier)).toBe(false)
})

test('one without a time that came after the rollback is learned, also among others with times', () => {
  const barrier: Barrier = { untilMs: 10, left: { kafka: 2 } }
  const after = [received('kafka', 9), received('http'), received('kafka', 10)].reduce(
    (left, next) => behind(next, left),
    barrier,
  )
  expect(isBefore(received('kafka'), after)).toBe(false)
})
