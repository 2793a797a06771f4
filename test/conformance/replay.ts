/** What every replay policy must do. `open` makes a fresh one that keeps at most `capacity` examples. */
import { describe, expect, it } from 'vitest'
import type { Replay } from '../../src/contracts.ts'
import { openRandom } from '../../src/runtime/random.ts'

export interface MadeReplay {
  readonly capacity: number
  open(): Replay
}

const item = (at: number) => ({ key: `key-${at}`, label: `label-${at % 3}` })

export function replayConformance(name: string, made: MadeReplay): void {
  const { capacity, open } = made
  const many = 5 * capacity + 20

  describe(`replay ${name}`, () => {
    it('starts empty and draws nothing', () => {
      const replay = open()
      expect([replay.size, replay.keys()]).toEqual([0, []])
      expect(replay.draw(8, openRandom(1, 'draw'))).toEqual([])
    })

    it('never holds more than its capacity, and names each key that goes', () => {
      const replay = open()
      const random = openRandom(1, 'offer')
      const held = new Set<string>()
      for (let at = 0; at < many; at += 1) {
        const out = replay.offer(item(at), random)
        held.add(item(at).key)
        if (out !== undefined) expect(held.delete(out)).toBe(true)
        expect(replay.size).toBeLessThanOrEqual(capacity)
        expect(new Set(replay.keys())).toEqual(held)
      }
    })

    it('draws distinct keys that it holds, all of them when asked for more', () => {
      const replay = filled(open(), many)
      const random = openRandom(1, 'draw')
      for (const count of [0, 1, 3, replay.size, replay.size + 5]) {
        const drawn = replay.draw(count, random)
        expect(drawn).toHaveLength(Math.min(count, replay.size))
        expect(new Set(drawn).size).toBe(drawn.length)
        for (const key of drawn) expect(replay.keys()).toContain(key)
      }
    })

    it('forgets a removed key and no other; an unknown one changes nothing', () => {
      const replay = filled(open(), many)
      const before = replay.keys()
      const gone = before.filter((_, at) => at % 2 === 0)
      for (const key of [...gone, 'unknown', ...gone]) replay.remove(key)
      expect(new Set(replay.keys())).toEqual(new Set(before.filter((_, at) => at % 2 === 1)))
      expect(replay.size).toBe(replay.keys().length)
    })

    it('takes a key once, and may take it again after it was removed', () => {
      const replay = open()
      const random = openRandom(1, 'offer')
      const { key } = item(1)
      const kept = replay.offer(item(1), random) === undefined
      replay.offer(item(1), random)
      expect(replay.keys()).toEqual(kept ? [key] : [])
      replay.remove(key)
      expect(replay.size).toBe(0)
      const keptAgain = replay.offer(item(1), random) === undefined
      expect(replay.keys()).toEqual(keptAgain ? [key] : [])
    })

    it('does the same with the same chance', () => {
      expect(course(open(), 7)).toEqual(course(open(), 7))
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const replay = filled(open(), many)
      const state = replay.snapshot()
      const [expected, other] = [course(replay, 3), open()]
      for (let times = 0; times < 2; times += 1) {
        other.restore(JSON.parse(JSON.stringify(state)) as typeof state)
        expect(course(other, 3)).toEqual(expected)
      }
    })

    it('hands out copies: a snapshot and keys taken earlier do not change', () => {
      const replay = filled(open(), many)
      const [state, keys] = [replay.snapshot(), replay.keys()]
      const texts = [JSON.stringify(state), JSON.stringify(keys)]
      course(replay, 5)
      for (const key of replay.keys()) replay.remove(key)
      expect([JSON.stringify(state), JSON.stringify(keys)]).toEqual(texts)
    })
  })
}

function filled(replay: Replay, count: number): Replay {
  const random = openRandom(1, 'fill')
  for (let at = 0; at < count; at += 1) replay.offer(item(at), random)
  return replay
}

/** A course of offers, draws and removals, and everything that came of it. */
function course(replay: Replay, seed: number): unknown[] {
  const random = openRandom(seed, 'course')
  const seen: unknown[] = []
  for (let at = 1000; at < 1060; at += 1) {
    seen.push(replay.offer(item(at), random) ?? null, replay.draw(2, random))
    if (at % 7 === 0) replay.remove(`key-${at - 3}`)
  }
  return [...seen, replay.keys()]
}
