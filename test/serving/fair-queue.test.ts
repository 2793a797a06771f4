import { expect, test } from 'vitest'
import { openFairQueue } from '../../src/serving/engine/fair-queue.ts'
import { fc } from '../properties.ts'

test('keys take turns, and each key keeps its order', () => {
  const turns = openFairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) turns.push(item.slice(0, 1), item)
  const taken = Array.from({ length: 7 }, () => turns.take())
  expect(taken).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined])
})

test('a flood of one key delays another key by one item', () => {
  const turns = openFairQueue<string>()
  for (let item = 0; item < 1000; item += 1) turns.push('flood', 'flood')
  turns.push('lone', 'lone')
  expect([turns.take(), turns.take()]).toEqual(['flood', 'lone'])
})

test('whatever is pushed, taken and removed, nothing is lost, doubled or out of its order', () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('push' as const), key: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('remove' as const), key: fc.constantFrom('a', 'b', 'c') }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const turns = openFairQueue<{ key: string; at: number }>()
      const model: { key: string; at: number }[] = []
      for (const [at, step] of actions.entries()) {
        if (step.do === 'push') {
          turns.push(step.key, { key: step.key, at })
          model.push({ key: step.key, at })
        } else if (step.do === 'take') {
          const item = turns.take()
          const expected = model.find((other) => other.key === item?.key)
          expect(item).toEqual(expected)
          if (expected !== undefined) model.splice(model.indexOf(expected), 1)
          else expect(model).toEqual([])
        } else {
          turns.remove(({ key }) => key === step.key)
          for (const item of model.filter(({ key }) => key === step.key))
            model.splice(model.indexOf(item), 1)
        }
        expect(turns.size).toBe(model.length)
        expect(turns.sizeOf('b')).toBe(model.filter(({ key }) => key === 'b').length)
      }
    }),
  )
})
