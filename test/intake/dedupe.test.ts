import { expect, test } from 'vitest'
import { Dedupe, hashOf, keyOf } from '../../src/intake/dedupe.ts'

test('an event is known by source and id together', () => {
  const dedupe = new Dedupe(() => false)
  dedupe.add(keyOf({ source: 'a', id: '1' }))
  expect(dedupe.has(keyOf({ source: 'a', id: '1' }))).toBe(true)
  expect(dedupe.has(keyOf({ source: 'b', id: '1' }))).toBe(false)
  expect(dedupe.has(keyOf({ source: 'a', id: '2' }))).toBe(false)
  // Where source ends and id begins cannot be mistaken.
  expect(keyOf({ source: 'ab', id: 'c' })).not.toBe(keyOf({ source: 'a', id: 'bc' }))
})

test('ids of the checkpoint are asked for there, ids since then are handed over once', () => {
  const saved = new Set<string>()
  const dedupe = new Dedupe((hash) => saved.has(hash.join()))
  dedupe.add('a')
  dedupe.add('a')
  dedupe.add('b')
  expect(dedupe.fresh).toEqual([hashOf('a'), hashOf('b')])
  for (const hash of dedupe.fresh) saved.add(hash.join())
  dedupe.saved()
  expect(dedupe.fresh).toEqual([])
  expect(dedupe.has('a')).toBe(true)
  expect(dedupe.has('c')).toBe(false)
})

test('a hash is 16 bytes', () => {
  expect(hashOf('a')).toHaveLength(16)
})
