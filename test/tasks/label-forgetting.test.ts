/** Forgetting of each label, since the model was created. */
import { expect, test } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { ForgettingByLabel } from '../../src/tasks/classification/label-forgetting.ts'
import { classificationOf } from './classification-of.ts'

function after(...stretches: readonly (readonly [label: string, share: number, count: number])[]) {
  const memory = new ForgettingByLabel()
  const random = openRandom(3, 'answers')
  for (const [label, share, count] of stretches)
    for (let at = 0; at < count; at += 1) memory.observe(label, random.uniform() < share)
  return memory
}

test('a label that was known and then answered wrongly is forgotten by about the difference', () => {
  const memory = after(['a', 0.95, 2000], ['b', 0.5, 2000], ['a', 0.3, 1000])
  const { recall_recent, recall_best, forgetting } = memory.of('a')!
  expect(recall_best).toBeGreaterThan(0.88)
  expect(recall_recent).toBeLessThan(0.4)
  expect(forgetting).toBeCloseTo(recall_best - recall_recent, 10)
  expect(memory.mean).toBeGreaterThan(0.2)
})

test('chance alone is little: a label of steady recall looks hardly forgotten however long it is watched', () => {
  const memory = new ForgettingByLabel()
  const random = openRandom(11, 'answers')
  let sum = 0
  for (let at = 0; at < 20_000; at += 1) {
    memory.observe('a', random.uniform() < 0.8)
    sum += memory.of('a')?.forgetting ?? 0
  }
  // The plain maximum of the same estimate would be some .12 above it.
  expect(sum / 20_000).toBeLessThan(0.04)
})

test('what comes back is no longer forgotten, and a label of few examples says nothing yet', () => {
  expect(after(['a', 1, 300], ['a', 0, 200], ['a', 1, 2000]).of('a')!.forgetting).toBe(0)
  const few = after(['a', 1, 19])
  expect([few.of('a'), few.of('b'), few.mean]).toEqual([undefined, undefined, undefined])
})

test('made-up labels beyond 1,024 take no room, and known ones go on', () => {
  const memory = new ForgettingByLabel()
  for (let at = 0; at < 3000; at += 1) memory.observe(`label ${at}`, true)
  expect(memory.snapshot()).toHaveLength(1024)
  for (let at = 0; at < 30; at += 1) memory.observe('label 7', true)
  expect(memory.of('label 7')).toMatchObject({ recall_recent: 1, forgetting: 0 })
})

test('the report names it, a copy goes on from the same place, and a state from before it counts from now', () => {
  const observed = () => {
    const quality = classificationOf().openQuality(10)
    for (let at = 0; at < 600; at += 1) {
      const answer = at < 400 ? 'yes' : 'no'
      quality.observe(
        { error: Number(answer !== 'yes'), loss: 0, answer },
        { kind: 'label', label: 'yes' },
      )
    }
    return quality
  }
  const quality = observed()
  const { labels, forgetting } = quality.report() as {
    labels: { forgetting: number }[]
    forgetting: number
  }
  expect(forgetting).toBeGreaterThan(0.7)
  expect(labels[0]!.forgetting).toBe(forgetting)
  const copy = classificationOf().openQuality(10)
  copy.restore(quality.snapshot())
  expect(copy.report()).toEqual(quality.report())
  const { forgetting: _none, ...before } = quality.snapshot()
  const old = classificationOf().openQuality(10)
  old.restore(before)
  expect(old.report().forgetting).toBeUndefined()
})
