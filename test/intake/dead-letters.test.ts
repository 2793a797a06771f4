import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDeadLetters } from '../../src/intake/dead-letters.ts'
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
