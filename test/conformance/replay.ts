/**
 * What every replay policy must do. `open` makes a fresh one that keeps at most `capacity` examples, and, where it keeps
 * any, at most so many bytes and such a share of one source.
 */
import { asKey } from '../example-key.ts'
import { describe, expect, it } from 'vitest'
import type { Replay, ReplayItem } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'

export interface MadeReplay {
  readonly capacity: number
  open(bounds?: { readonly bytes?: number; readonly per_source?: number }): Replay
}

/** Every fifth comes from another source, and sizes differ. */
const item = (at: number): ReplayItem => ({
  key: asKey(`key-${at}`),
  strata: [`stratum-${at % 3}`],
  source: at % 5 === 0 ? 'other' : 'noisy',
  bytes: 100 + ((at * 37) % 200),
})

export function replayConformance(name: string, made: MadeReplay): void {
  const { capacity, open } = made
  const many = 5 * capacity + 20

  describe(`replay ${name}`, () => {
    it('starts empty and draws nothing', () => {
      const replay = open()
      expect([replay.size, replay.bytes, replay.keys()]).toEqual([0, 0, []])
      expect(replay.draw(8, openRandom(1, 'draw'))).toEqual([])
    })

    it('never holds more than its capacity, and names each key that goes', () => {
      offerAll(open(), many, (replay) => {
        expect(replay.size).toBeLessThanOrEqual(capacity)
      })
    })

    it('never holds more bytes than it may, nor an example larger than all of them', () => {
      const bytes = 1024
      offerAll(open({ bytes }), many, (replay) => {
        expect(replay.bytes).toBeLessThanOrEqual(bytes)
      })
      const replay = open({ bytes })
      const huge = { ...item(1), bytes: bytes + 1 }
      expect(replay.offer(huge, openRandom(1, 'offer'))).toEqual([huge.key])
      expect(replay.size).toBe(0)
    })

    it('gives one source no more than its share, and the others the rest', () => {
      const share = Math.max(1, Math.floor(0.4 * capacity))
      const replay = offerAll(open({ per_source: 0.4 }), many, (now) => {
        for (const source of ['noisy', 'other'])
          expect(heldOf(now, source).length).toBeLessThanOrEqual(share)
      })
      if (replay.size > 1) expect(heldOf(replay, 'other')).not.toHaveLength(0)
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

    it('draws none of a stratum that it is told to leave out, and keeps it', () => {
      const replay = filled(open(), many)
      const before = replay.keys()
      const stratumOf = (key: string) => item(Number(key.slice('key-'.length))).strata[0]
      const out = ['stratum-1', 'never seen']
      const wanted = before.filter((key) => stratumOf(key) !== 'stratum-1')
      const drawn = replay.draw(before.length, openRandom(1, 'draw'), out)
      expect(new Set(drawn)).toEqual(new Set(wanted))
      expect(replay.keys()).toEqual(before)
      const same = (without?: readonly string[]) => replay.draw(3, openRandom(2, 'draw'), without)
      expect(same([])).toEqual(same())
      expect(same(['never seen'])).toEqual(same())
    })

    it('forgets a removed key and no other; an unknown one changes nothing', () => {
      const replay = filled(open(), many)
      const before = replay.keys()
      const gone = before.filter((_, at) => at % 2 === 0)
      for (const key of [...gone, 'unknown', ...gone]) replay.remove(asKey(key))
      expect(new Set(replay.keys())).toEqual(new Set(before.filter((_, at) => at % 2 === 1)))
      expect([replay.size, replay.bytes]).toEqual([replay.keys().length, bytesOf(replay)])
    })

    it('is left the same by a removal and by coming back without that item', () => {
      const replay = filled(open(), many)
      const gone = [...replay.keys()].filter((_, at) => at === 1 || at === 3)
      const kept = Array.from({ length: many }, (_, at) => item(at))
      const without = open()
      without.restore(
        replay.snapshot(),
        kept.filter(({ key }) => !gone.includes(key)),
      )
      for (const key of gone.toReversed()) replay.remove(key)
      expect(without.snapshot()).toEqual(replay.snapshot())
    })

    it('takes a key once, and may take it again after it was removed', () => {
      const replay = open()
      const random = openRandom(1, 'offer')
      const { key } = item(1)
      const kept = replay.offer(item(1), random).length === 0
      replay.offer(item(1), random)
      expect(replay.keys()).toEqual(kept ? [key] : [])
      replay.remove(key)
      expect(replay.size).toBe(0)
      const keptAgain = replay.offer(item(1), random).length === 0
      expect(replay.keys()).toEqual(keptAgain ? [key] : [])
    })

    it('does the same with the same chance', () => {
      expect(course(open(), 7)).toEqual(course(open(), 7))
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      for (const bounds of [{}, { bytes: 1500, per_source: 0.5 }]) {
        const replay = filled(open(bounds), many)
        for (const key of replay.keys().slice(0, 2)) replay.remove(key)
        const [state, items] = [replay.snapshot(), itemsOf(replay)]
        const [expected, other] = [course(replay, 3), open(bounds)]
        for (let times = 0; times < 2; times += 1) {
          other.restore(JSON.parse(JSON.stringify(state)) as typeof state, items.toReversed())
          expect([other.size, other.bytes]).toEqual([items.length, sum(items)])
          expect(course(other, 3)).toEqual(expected)
        }
      }
    })

    it('holds after a restore only what still exists, and fits into the bounds of today', () => {
      const replay = filled(open(), many)
      const items = itemsOf(replay).filter((_, at) => at % 2 === 0)
      const other = open({ bytes: 1024, per_source: 0.5 })
      other.restore(replay.snapshot(), items)
      for (const key of other.keys()) expect(items.map((one) => one.key)).toContain(key)
      expect(other.bytes).toBeLessThanOrEqual(1024)
      if (capacity > 1 && items.length > 1)
        expect(heldOf(other, 'noisy').length).toBeLessThanOrEqual(Math.ceil(capacity / 2))
    })

    it('hands out copies: a snapshot and keys taken earlier do not change', () => {
      const replay = filled(open(), many)
      const [state, keys] = [replay.snapshot(), replay.keys()]
      const texts = [JSON.stringify(state), JSON.stringify(keys)]
      course(replay, 5)
      for (const key of replay.keys()) replay.remove(key)
      expect([JSON.stringify(state), JSON.stringify(keys)]).toEqual(texts)
    })

    it('gives each row of a step its part', () => {
      const parts = open().rehearsal?.parts
      if (parts === undefined) return
      const row = (column: number) =>
        ({ columns: [{ at: column, isRight: true }], weight: 1, hasLogits: true }) as const
      const fresh = [row(0), row(1)]
      for (const replayed of [[], [[]], [[row(0)]], [[row(0), row(2)], [row(1)]]]) {
        const counted = parts({ fresh, replayed })
        expect(counted.fresh).toHaveLength(fresh.length)
        expect(counted.replayed.map(({ length }) => length)).toEqual(
          replayed.map(({ length }) => length),
        )
        for (const { target, logits = 0 } of [...counted.fresh, ...counted.replayed.flat()])
          expect(Number.isFinite(target) && Number.isFinite(logits)).toBe(true)
      }
    })
  })
}

function offerAll(replay: Replay, count: number, check: (replay: Replay) => void): Replay {
  const random = openRandom(1, 'offer')
  const held = new Set<string>()
  for (let at = 0; at < count; at += 1) {
    held.add(item(at).key)
    for (const key of replay.offer(item(at), random)) expect(held.delete(key)).toBe(true)
    expect(new Set(replay.keys())).toEqual(held)
    expect(replay.bytes).toBe(bytesOf(replay))
    check(replay)
  }
  return replay
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
    seen.push(replay.offer(item(at), random), replay.draw(2, random))
    if (at % 7 === 0) replay.remove(asKey(`key-${at - 3}`))
  }
  return [...seen, replay.keys(), replay.bytes]
}

function itemsOf(replay: Replay): readonly ReplayItem[] {
  return replay.keys().map((key) => item(Number(key.slice('key-'.length))))
}

function heldOf(replay: Replay, source: string): readonly ReplayItem[] {
  return itemsOf(replay).filter((one) => one.source === source)
}

function bytesOf(replay: Replay): number {
  return sum(itemsOf(replay))
}

function sum(items: readonly ReplayItem[]): number {
  return items.reduce((total, { bytes }) => total + bytes, 0)
}
