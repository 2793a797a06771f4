import { expect, test } from 'vitest'
import { configSums, differingKeys } from '../../src/serving/services/fleet/fleet-service.ts'

const one = { base: { bert: '/home/a/minilm' }, adapter: { method: 'lora', rank: 8 }, labels: [] }

test('the order of keys and the folder of a file make no difference', () => {
  const other = { labels: [], adapter: { rank: 8, method: 'lora' }, base: { bert: '/srv/minilm' } }
  expect(differingKeys([configSums(one), configSums(other)])).toEqual([])
})

test('keys with other values, and keys that only some have, are named in order', () => {
  const other = { ...one, adapter: { ...one.adapter, rank: 4 }, memory: 'knn' }
  const sums = [one, one, other].map(configSums)
  expect(differingKeys(sums)).toEqual(['adapter', 'memory'])
})

test('another file name, and another order of a list, are differences', () => {
  const sums = [
    { base: '/a/minilm', labels: ['x', 'y'] },
    { base: '/a/bert', labels: ['y', 'x'] },
  ].map(configSums)
  expect(differingKeys(sums)).toEqual(['base', 'labels'])
})
