import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { letter, sinkConformance } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'

sinkConformance('dead letters of a model', () => {
  const path = join(scratchFolder(), 'dead-letters.db')
  return {
    open: async () => Promise.resolve(openDeadLetters(path, { count: 100 })),
    read: async () => {
      const letters = openDeadLetters(path, { count: 100 })
      const kept = letters.list(100).toReversed()
      await letters.close()
      return kept
    },
  }
})

describe('dead letters of a model', () => {
  it('lets the oldest go over the limit, and still counts them', async () => {
    const letters = openDeadLetters(join(scratchFolder(), 'dead.db'), { count: 2 })
    await letters.write([letter('a'), letter('b'), letter('c')])
    await letters.write([letter('c')])
    expect(letters.list(10).map(({ key }) => key)).toEqual(['c', 'b'])
    expect(letters.counts()).toEqual({ EVENT_MALFORMED: 3 })
    expect(letters.gone()).toBe(1)
    await letters.close()
  })

  it('lets a flood take room from itself: by connector, and there by the source that events name', async () => {
    const letters = openDeadLetters(join(scratchFolder(), 'dead.db'), { count: 10 })
    const refused = (key: string, source: string): DeadLetter => ({
      ...letter(key, new TextEncoder().encode(JSON.stringify({ source, key }))),
      connector: 'http',
      position: 'refused',
    })
    const learned = (key: string): DeadLetter => ({ ...letter(key), connector: 'http' })
    await letters.write(['k-1', 'k-2'].map((key) => letter(key)))
    await letters.write(['t-1', 't-2'].map(learned))
    await letters.write(['s-1', 's-2'].map((key) => refused(key, 'shop')))
    const flood = Array.from({ length: 300 }, (_, at) => refused(`f-${at}`, 'flood'))
    for (let at = 0; at < 300; at += 100) await letters.write(flood.slice(at, at + 100))
    const kept = () =>
      letters
        .list(20)
        .map(({ key }) => key)
        .toReversed()
    const honest = ['k-1', 'k-2', 't-1', 't-2']
    expect(kept()).toEqual([...honest, 's-1', 's-2', 'f-296', 'f-297', 'f-298', 'f-299'])
    expect(letters.gone()).toBe(296)
    // A thousand made-up names have one lane.
    await letters.write(Array.from({ length: 200 }, (_, at) => refused(`n-${at}`, `name ${at}`)))
    expect(kept().slice(0, 4)).toEqual(honest)
    expect(kept()).toHaveLength(10)
    expect(letters.counts()).toEqual({ EVENT_MALFORMED: 506 })
    await letters.close()
  })

  it('is bounded in bytes, and keeps the newest whatever it weighs', async () => {
    const letters = openDeadLetters(join(scratchFolder(), 'dead.db'), { count: 100, bytes: 1000 })
    const heavy = (key: string, bytes: number) => letter(key, new Uint8Array(bytes))
    await letters.write(['a', 'b', 'c', 'd'].map((key) => heavy(key, 300)))
    expect(letters.list(10).map(({ key }) => key)).toEqual(['d', 'c', 'b'])
    expect(letters.gone()).toBe(1)
    await letters.write([heavy('e', 5000)])
    expect(letters.list(10).map(({ key }) => key)).toEqual(['e'])
    await letters.write([heavy('f', 10)])
    expect(letters.list(10).map(({ key }) => key)).toEqual(['f'])
    expect(letters.counts()).toEqual({ EVENT_MALFORMED: 6 })
    await letters.close()
  })

  it('keeps headers that are bytes, and those that are called like a part of every object', async () => {
    const letters = openDeadLetters(join(scratchFolder(), 'dead.db'), { count: 2 })
    const headers = Object.fromEntries<string | Uint8Array>([
      ['ce_id', 'c-1'],
      ['trace', new Uint8Array([0, 255, 10])],
      ['__proto__', 'x'],
    ])
    await letters.write([{ ...letter('a'), headers }])
    expect(Object.entries(letters.list(1)[0]?.headers ?? {})).toEqual(Object.entries(headers))
    await letters.close()
  })

  it('keeps a reason that quotes a NUL', async () => {
    const letters = openDeadLetters(join(scratchFolder(), 'dead.db'), { count: 2 })
    await letters.write([{ ...letter('a'), reason: 'no label "a\0b"' }])
    expect(letters.list(1)[0]?.reason).toBe('no label "a\\0b"')
    await letters.close()
  })
})
