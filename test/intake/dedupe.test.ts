import { asKey } from '../example-key.ts'
import { keyOf } from '../../src/intake/events/event-key.ts'
import { describe, expect, test } from 'vitest'
import { Dedupe, hashOf, type IdRun } from '../../src/intake/dedupe/dedupe.ts'
import { fc, runs } from '../properties.ts'

const nothing = () => []

test('an event is known by source and id together', () => {
  const dedupe = new Dedupe(nothing, 100)
  dedupe.add(keyOf({ source: 'a', id: '1' }))
  expect(dedupe.has(keyOf({ source: 'a', id: '1' }))).toBe(true)
  expect(dedupe.has(keyOf({ source: 'b', id: '1' }))).toBe(false)
  expect(dedupe.has(keyOf({ source: 'a', id: '2' }))).toBe(false)
  // Where source ends and id begins cannot be mistaken.
  expect(keyOf({ source: 'ab', id: 'c' })).not.toBe(keyOf({ source: 'a', id: 'bc' }))
})

test('ids since the last checkpoint are handed over once, in order', () => {
  const dedupe = new Dedupe(nothing, 100)
  for (const key of ['a', 'a', 'b']) dedupe.add(asKey(key))
  expect(dedupe.fresh).toEqual(runOf(0, 'a', 'b'))
  dedupe.saved()
  expect(dedupe.fresh).toEqual(runOf(2))
  dedupe.add(asKey('c'))
  expect(dedupe.fresh).toEqual(runOf(2, 'c'))
})

test('a hash is 16 bytes, the first of sha256', () => {
  // From the standard: sha256("abc").
  expect(Buffer.from(hashOf(asKey('abc'))).toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223')
})

describe('after a restart', () => {
  test('ids of the checkpoint are known, and the newest of them outlive the others', () => {
    const dedupe = new Dedupe(() => [runOf(7, 'a', 'b'), runOf(9, 'c')], 3)
    dedupe.add(asKey('d'))
    expect(['a', 'b', 'c', 'd'].map((key) => dedupe.has(asKey(key)))).toEqual([
      false,
      true,
      true,
      true,
    ])
    expect(dedupe.fresh).toEqual(runOf(10, 'd'))
    expect(dedupe.forgotten).toBe(8)
  })

  test('what came before a gap, in which more came than are kept, is forgotten, and nothing after it', () => {
    const dedupe = new Dedupe(() => [runOf(0, 'a'), runOf(3, 'd', 'e', 'a')], 3)
    expect(['a', 'b', 'd', 'e'].map((key) => dedupe.has(asKey(key)))).toEqual([
      true,
      false,
      true,
      true,
    ])
    expect(dedupe.forgotten).toBe(3)
    expect(dedupe.fresh).toEqual(runOf(6))
  })

  test('two runs that begin with the same ids count them once', () => {
    const dedupe = new Dedupe(() => [runOf(0, 'a', 'b', 'c'), runOf(1, 'b', 'c', 'd')], 100)
    expect(dedupe.has(asKey('d'))).toBe(true)
    expect(dedupe.fresh).toEqual(runOf(4))
  })
})

test('an id is forgotten when as many newer ones have come as the limit says, wherever it was saved', () => {
  const keys = fc.array(fc.nat(40).map(String), { maxLength: 200 })
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 20 }), fc.nat(20), (stream, limit, every) => {
      const saved: IdRun[] = []
      let dedupe = new Dedupe(() => saved, limit)
      const known: string[] = []
      for (const [at, key] of stream.entries()) {
        expect(dedupe.has(asKey(key))).toBe(known.includes(key))
        dedupe.add(asKey(key))
        if (!known.includes(key)) known.push(key)
        if (known.length > limit) known.shift()
        if (every === 0 || at % every !== 0) continue
        saved.push(dedupe.fresh)
        dedupe.saved()
        // The next life knows what the checkpoint knows.
        if (at % 2 === 0) dedupe = new Dedupe(() => saved, limit)
      }
    }),
    // A gap between two saves is rare.
    {
      numRuns: runs(500),
      examples: [[['0', '0', '0', '2', '22', '3', '4', '1', '0', '22'], 5, 8]],
    },
  )
})

test('a hundred thousand ids are told apart, and as many others', () => {
  const dedupe = new Dedupe(nothing, 60_000)
  for (let at = 0; at < 100_000; at += 1) dedupe.add(asKey(`e-${at}`))
  const known = Array.from({ length: 200_000 }, (_, at) => dedupe.has(asKey(`e-${at}`)))
  expect(known.indexOf(true)).toBe(40_000)
  expect(known.lastIndexOf(true)).toBe(99_999)
  expect(known.filter(Boolean)).toHaveLength(60_000)
})

function runOf(first: number, ...keys: readonly string[]): IdRun {
  return { first, hashes: new Uint8Array(Buffer.concat(keys.map((key) => hashOf(asKey(key))))) }
}
