import { expect, test } from 'vitest'
import { FairQueue } from '../../src/serving/engine/fair-queue.ts'
import { fc } from '../properties.ts'

const request = () => ({})

test('keys take turns, and each request keeps its order', () => {
  const turns = new FairQueue<string>()
  const of = { a: request(), b: request(), c: request() }
  for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) {
    const key = item.slice(0, 1) as keyof typeof of
    turns.push(key, of[key], item)
  }
  const taken = Array.from({ length: 7 }, () => turns.take())
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined])
})

test('a flood of one key delays another key by one item', () => {
  const turns = new FairQueue<string>()
  for (let item = 0; item < 1000; item += 1) turns.push('flood', request(), 'flood')
  turns.push('lone', request(), 'lone')
  expect([turns.take(), turns.take()]).toEqual(['flood', 'lone'])
})

test('a request of many rows delays a single row of the same key by one item', () => {
  const turns = new FairQueue<string>()
  const large = request()
  for (let row = 0; row < 256; row += 1) turns.push('m', large, `large ${row}`)
  turns.push('m', request(), 'single')
  expect([turns.take(), turns.take(), turns.take()]).toEqual(['large 0', 'single', 'large 1'])
})

test('whatever is pushed, taken and removed, nothing is lost, doubled or out of its order', () => {
  const keys = ['a', 'b', 'c'] as const
  const requests = [request(), request(), request()]
  const place = { key: fc.constantFrom(...keys), of: fc.constantFrom(0, 1, 2) }
  const action = fc.oneof(
    fc.record({ do: fc.constant('push' as const), ...place }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('remove' as const), ...place }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      interface Item {
        readonly key: string
        readonly of: number
        readonly at: number
      }
      const turns = new FairQueue<Item>()
      const model: Item[] = []
      const sameAs = (one: Omit<Item, 'at'>) => (other: Item) =>
        other.key === one.key && other.of === one.of
      for (const [at, step] of actions.entries()) {
        if (step.do === 'push') {
          const item = { key: step.key, of: step.of, at }
          turns.push(step.key, requests[step.of]!, item)
          model.push(item)
        } else if (step.do === 'take') {
          const item = turns.take()
          const expected = item && model.find(sameAs(item))
          expect(item).toEqual(expected)
          if (expected !== undefined) model.splice(model.indexOf(expected), 1)
          else expect(model).toEqual([])
        } else {
          turns.remove(step.key, requests[step.of]!)
          for (const item of model.filter(sameAs(step))) model.splice(model.indexOf(item), 1)
        }
        expect(turns.size).toBe(model.length)
        expect(turns.sizeOf('b')).toBe(model.filter(({ key }) => key === 'b').length)
      }
    }),
  )
})
