import { asKey } from '../example-key.ts'
import { describe, expect, test } from 'vitest'
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

describe('of the answers that retrieval has stored', () => {
  const near = (question: string, similarity: number, answer = question) => ({
    ...{ question, similarity, answer },
  })
  const chosen = (asked: string, nearestFirst: readonly ReturnType<typeof near>[], settings = {}) =>
    openPolicy('memory', policies.memory, { policy: 'retrieval', ...settings })
      .retrieval!.choose(asked, nearestFirst)
      .map(({ question }) => question)

  test('the nearest stand before a prompt, if they are near enough', () => {
    const stored = [near('x', 0.9), near('y', 0.8), near('z', 0.5)]
    expect(chosen('?', stored)).toEqual(['x'])
    expect(chosen('?', stored, { count: 2 })).toEqual(['x', 'y'])
    expect(chosen('?', stored, { count: 3, similarity: 0.6 })).toEqual(['x', 'y'])
    expect(chosen('?', stored, { similarity: 0.95 })).toEqual([])
  })

  test('none does where another answer is as near, whether or not it is near enough', () => {
    expect(chosen('?', [near('x', 0.9), near('y', 0.88)])).toEqual([])
    expect(chosen('?', [near('x', 0.51), near('y', 0.49)])).toEqual([])
    expect(chosen('?', [near('x', 0.9), near('y', 0.88)], { margin: 0.01 })).toEqual(['x'])
    expect(chosen('?', [near('x', 0.9), near('y', 0.88), near('z', 0.4)], { count: 2 })).toEqual([
      'x',
      'y',
    ])
    expect(chosen('?', [near('x', 0.9, 'same'), near('y', 0.88, 'same')])).toEqual(['x'])
  })

  test.each([
    ['When does the Rintam Museum open?', true],
    ['Rintam Museum: when does it open?', true],
    ['At what time does the Belcas Museum open?', false],
    ['When can I enter the Rintam Tower?', false],
    ['When does the museum open?', true],
    ['It rains. Where is the Rintam Museum?', true],
    ['WHEN DOES THE BELCAS MUSEUM OPEN?', true],
    ['When does the Rintam Museum open in 2 weeks?', true],
    ['When does the Rintam Museum 2 open?', false],
    ['When does room b7 of the museum open?', false],
    ['Does the Rintam Museum open at 9:25?', true],
  ])('one that lacks a name of the question does not: %s', (asked, isChosen) => {
    const lesson = near(
      'When does the Rintam Museum open?',
      0.9,
      'The Rintam Museum opens at 9:25.',
    )
    expect(chosen(asked, [lesson])).toHaveLength(isChosen ? 1 : 0)
    expect(chosen(asked, [lesson], { names: 'ignored' })).toHaveLength(1)
  })

  test('those that lack its names leave the margin to those that have them', () => {
    const [belcas, rintam] = [near('When does the Belcas open?', 0.9), near('the Rintam?', 0.8)]
    expect(chosen('Does the Rintam open?', [belcas, rintam])).toEqual([rintam.question])
  })
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
