import { expect, test } from 'vitest'
import { changeText } from '../../src/trainer/updates/reason.ts'
import { classificationView } from '../../src/tasks/classification/view.ts'
import { generationView } from '../../src/tasks/generation/view.ts'
import { regressionView } from '../../src/tasks/regression/view.ts'

const [right, loss, off] = [classificationView, generationView, regressionView]
const own = { score: { name: 'hit rate', meaning: 'of a task of a user' } }

test('a version says in a sentence what it learned, why then, and what that changed', () => {
  const change = {
    learned: 16,
    cause: 'after a pause',
    before: { value: 0.8453 },
    after: { value: 0.8601 },
  }
  expect(changeText(change, right)).toBe(
    '16 events learned after a pause; 85 % right before, 86 % now',
  )
})

test.each([
  [{ learned: 1, after: { value: 1 } }, right, '1 event learned; 100 % right now'],
  [
    { learned: 3, before: { value: 0 }, after: { value: 0.997 } },
    right,
    '3 events learned; 0 % right before, 99.7 % now',
  ],
  [{ learned: 2 }, right, '2 events learned'],
  [{ learned: 8, cause: '4 pending, 20 ms' }, right, '8 events learned (4 pending, 20 ms)'],
  [
    { learned: 0, cause: 'memory', before: { value: 0.5 }, after: { value: 0 } },
    right,
    'memory; 50 % right before, 0 % now',
  ],
  [
    { learned: 16, hasRestarted: true, scaledBack: 0.5 },
    right,
    '16 events learned; scaled back to .50 of its length; fresh weights learned all stored examples (few_shot)',
  ],
  [
    { learned: 4, alarm: { reason: 'ddm: worse', response: 'fresh-replay' } },
    right,
    'the stream has changed (ddm: worse), so it learns faster and replay starts empty; 4 events learned',
  ],
  [
    {
      learned: 8,
      before: { name: 'loss', value: 4.281 },
      after: { name: 'loss', value: 3.8449 },
    },
    loss,
    '8 events learned; loss 4.28 before, 3.84 now',
  ],
  // The version before was made by an earlier release, which kept another measure.
  [
    { learned: 8, before: { value: 0.014 }, after: { name: 'loss', value: 3.8 } },
    loss,
    '8 events learned; loss 3.80 now',
  ],
  [
    { learned: 8, before: { name: 'mae', value: 52.381 }, after: { name: 'mae', value: 0.4 } },
    off,
    '8 events learned; off by 52.4 on average before, 0.4 now',
  ],
  [{ learned: 8, after: { value: 0.5 } }, own, '8 events learned; hit rate .50 now'],
  [{ learned: 0 }, right, ''],
] as const)('%j reads %j', (change, view, text) => {
  expect(changeText(change, view)).toBe(text)
})
