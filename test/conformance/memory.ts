/** What every memory policy must do. `open` makes one that keeps at most `capacity` examples, and so many bytes. */
import { asKey } from '../example-key.ts'
import { describe, expect, it } from 'vitest'
import type { Memory, MemoryItem } from '../../src/contracts/policy.ts'
import type { Lesson } from '../../src/contracts/text-task.ts'
import { openRandom } from '../../src/platform/random.ts'

export interface MadeMemory {
  readonly capacity: number
  open(bounds?: { readonly bytes?: number }): Memory
}

const WIDTH = 64

/** Every fourth lies where the one four before it lies, or asks the same. */
function itemFor({ retrieval }: Memory, at: number): MemoryItem {
  if (retrieval === undefined) return placed(at)
  const same = String(at % 4 === 0 ? 0 : at)
  const [question, answer] = [`question ${same} `.repeat(8), `answer ${at}`]
  const vote = { source: 'desk', id: String(at), question, answer, same }
  return { key: asKey(`key-${at}`), vote, vector: new Float32Array() }
}

/** Of length 1. */
function placed(at: number): MemoryItem {
  const random = openRandom(at % 4 === 0 ? 0 : at, 'place')
  const drawn = Float32Array.from({ length: WIDTH }, () => random.normal())
  const length = Math.hypot(...drawn)
  const vector = drawn.map((value) => value / length)
  return { key: asKey(`key-${at}`), vote: `label-${at % 3}`, vector }
}

export function memoryConformance(name: string, { capacity, open }: MadeMemory): void {
  describe(`memory ${name}`, () => {
    it('never holds more than its capacity, nor more bytes than it may', () => {
      for (const bytes of [1024, 1_000_000])
        for (const held of course(open({ bytes }), 3 * capacity + 20)) {
          expect(held.length).toBeLessThanOrEqual(capacity)
          const sum = held.reduce((total, item) => total + sizeOf(item), 0)
          expect(sum).toBeLessThanOrEqual(bytes)
        }
    })

    it('names only keys that are kept, or the newcomer', () => {
      let kept: readonly MemoryItem[] = []
      const memory = open()
      const item = (at: number) => itemFor(memory, at)
      for (let at = 0; at < 3 * capacity + 20; at += 1) {
        const gone = memory.offer(item(at), kept, { wasRight: at % 2 === 0 })
        const known = new Set([...kept.map(({ key }) => key), item(at).key])
        for (const key of gone) expect(known).toContain(key)
        expect(new Set(gone).size).toBe(gone.length)
        kept = after(kept, item(at), gone)
      }
    })

    it('has no state: the same again is answered the same', () => {
      const memory = open()
      const first = [...course(memory, 40)].map(keysOf)
      expect([...course(memory, 40)].map(keysOf)).toEqual(first)
      expect([...course(open(), 40)].map(keysOf)).toEqual(first)
    })

    it('takes back all that it held, oldest first', () => {
      const memory = open()
      const held = [...course(memory, 3 * capacity + 20)].at(-1)!
      let again: readonly MemoryItem[] = []
      for (const one of held)
        again = after(again, one, memory.offer(one, again, { wasRight: false }))
      expect(keysOf(again)).toEqual(keysOf(held))
    })

    it('changes nothing that it is handed', () => {
      const memory = open()
      const item = (at: number) => itemFor(memory, at)
      const kept = [item(1), item(2)]
      const text = JSON.stringify([...kept, item(3)])
      memory.offer(item(3), kept, { wasRight: false })
      expect(JSON.stringify([...kept, item(3)])).toBe(text)
    })

    it('speaks in finite numbers', () => {
      const { voice, every } = open()
      expect(voice.weight).toBeGreaterThanOrEqual(0)
      expect(voice.weight).toBeLessThanOrEqual(1)
      expect(Math.abs(voice.threshold)).toBeLessThanOrEqual(1)
      expect(voice.sharpness).toBeGreaterThan(0)
      expect(every).toBeGreaterThanOrEqual(0)
    })
  })
}

function sizeOf({ vector, vote }: MemoryItem): number {
  if (vector.length > 0) return vector.byteLength
  const { question, answer } = vote as unknown as Lesson
  return question.length + answer.length
}

function* course(memory: Memory, count: number): Generator<readonly MemoryItem[]> {
  let kept: readonly MemoryItem[] = []
  for (let at = 0; at < count; at += 1) {
    const item = itemFor(memory, at)
    kept = after(kept, item, memory.offer(item, kept, { wasRight: at % 5 === 0 }))
    yield kept
  }
}

function after(kept: readonly MemoryItem[], item: MemoryItem, gone: readonly string[]) {
  return [...kept, item].filter(({ key }) => !gone.includes(key))
}

function keysOf(items: readonly MemoryItem[]): readonly string[] {
  return items.map(({ key }) => key)
}
