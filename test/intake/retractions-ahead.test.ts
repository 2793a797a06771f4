import { expect, test } from 'vitest'
import { Ahead } from '../../src/intake/retraction.ts'
import { identified } from '../example-key.ts'

test('its state lists what it holds, also after one was dropped for which no other came', () => {
  const ahead = new Ahead({ perSource: 1, all: 2, events: 10 })
  const { key: old } = identified('a', '1')
  const { key: other } = identified('b', '1')
  const { key: refused } = identified('b', '2')
  expect([ahead.add(old, 0), ahead.add(other, 5)]).toEqual([true, true])
  expect(ahead.state).toEqual([
    [old, 0],
    [other, 5],
  ])
  expect(ahead.add(refused, 12)).toBe(false)
  expect(ahead.size).toBe(1)
  expect(ahead.state).toEqual([[other, 5]])
})
