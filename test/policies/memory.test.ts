import { asKey } from '../example-key.ts'
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { memoryTensors, slotsFor } from '../../src/nn/memory.ts'
import type { MemoryItem } from '../../src/contracts/policy.ts'
import { softmax } from '../../src/nn/softmax.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { tinyKnnMemory } from '../learner/tiny-knn-memory.ts'

const at = (key: string, vote: string, ...place: number[]): MemoryItem => {
  const length = Math.hypot(...place)
  const vector = Float32Array.from(place, (value) => value / length)
  return { key: asKey(key), vote, vector }
}
const partsOf = (width: number) => {
  const head = ['a', 'b']
  const { classes } = classificationOf({ known: head })
  return { width, classes: classes!, head, outputs: 2 }
}
const knn = (settings: object = {}) =>
  openPolicy('memory', policies.memory, { policy: 'knn', ...settings })
const keep = (policy: ReturnType<typeof knn>, items: readonly MemoryItem[], wasRight = false) => {
  let kept: readonly MemoryItem[] = []
  for (const item of items) {
    const gone = policy.offer(item, kept, { wasRight })
    kept = [...kept, item].filter(({ key }) => !gone.includes(key))
  }
  return kept.map(({ key }) => key)
}

test('knn keeps the newest, and of one place the newest word', () => {
  const items = [at('1', 'a', 1, 0), at('2', 'a', 0, 1), at('3', 'b', 1, 0), at('4', 'a', 1, 1)]
  expect(keep(knn({ capacity: 2 }), items)).toEqual(['3', '4'])
  expect(keep(knn(), items)).toEqual(['2', '3', '4'])
})

test('knn may keep mistakes only', () => {
  const item = [at('1', 'a', 1, 0)]
  expect(keep(knn({ keep: 'mistakes' }), item, true)).toEqual([])
  expect(keep(knn({ keep: 'mistakes' }), item, false)).toEqual(['1'])
  expect(keep(knn(), item, true)).toEqual(['1'])
})

test('retrieval keeps the newest answer to a question, and the newest of all', () => {
  const lesson = (id: string, same: string, answer = 'a'): MemoryItem => ({
    ...{ key: asKey(id), vector: new Float32Array() },
    vote: { source: 'desk', id, question: same.repeat(250), answer, same },
  })
  const retrieval = (settings: object) =>
    openPolicy('memory', policies.memory, { policy: 'retrieval', ...settings })
  const items = [lesson('1', 'x'), lesson('2', 'y'), lesson('3', 'x'), lesson('4', 'z')]
  expect(keep(retrieval({}), items)).toEqual(['2', '3', '4'])
  expect(keep(retrieval({ capacity: 2 }), items)).toEqual(['3', '4'])
  // At two bytes a character.
  expect(keep(retrieval({ bytes: 1024 }), items)).toEqual(['3', '4'])
  expect(keep(retrieval({ bytes: 1024 }), [lesson('5', 'vvv')])).toEqual([])
})

/** By the formula of policies/memory/knn.ts, in double precision. */
function expected(items: readonly MemoryItem[], x: readonly number[], head: readonly number[]) {
  const { weight, threshold, sharpness } = knn().voice
  const cosine = ({ vector }: MemoryItem) =>
    x.reduce((sum, value, d) => sum + value * vector[d]!, 0)
  const [ofHead, ...heard] = softmax([threshold, ...items.map(cosine)].map((c) => sharpness * c))
  return head.map((p, label) =>
    items.reduce(
      (sum, item, slot) =>
        sum + heard[slot]! * (weight * (item.vote === 'ab'[label] ? 1 : 0) + (1 - weight) * p),
      ofHead! * p,
    ),
  )
}

test('knn answers by its formula', () => {
  const items = [at('1', 'b', 1, 0, 0), at('2', 'b', 3, 2, 0), at('3', 'a', 0, 1, 0)]
  const labels = partsOf(3)
  const tensors = memoryTensors(items, knn().voice, labels)
  const { engine } = tinyKnnMemory()
  for (const place of [
    [1, 0, 0],
    [0.8, 0.6, 0],
    [0, 1, 0],
    [0, 0, 1],
    [-1, 0, 0],
  ]) {
    const head = [0.7, 0.3]
    const mixed = engine.mix(tensors, Float32Array.from(head, Math.log), Float32Array.from(place))
    const wanted = expected(items, place, head)
    for (const [label, logit] of mixed.entries())
      expect(Math.exp(logit)).toBeCloseTo(wanted[label]!, 5)
  }
})

test('room for examples comes in steps, and what is empty is not heard', () => {
  expect([0, 31, 32, 256].map(slotsFor)).toEqual([32, 32, 64, 288])
  const none = memoryTensors([], knn().voice, partsOf(2))
  const mixed = tinyKnnMemory().engine.mix(none, Float32Array.of(2, 0), Float32Array.of(1, 0))
  expect(mixed[0]! - mixed[1]!).toBeCloseTo(2, 5)
})
