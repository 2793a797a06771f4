import { expect, test } from 'vitest'
import { headlineOf } from '../../src/evaluation/contract.ts'
import { classificationView } from '../../src/tasks/classification/view.ts'
import { generationView } from '../../src/tasks/generation/view.ts'
import { regressionView } from '../../src/tasks/regression/view.ts'

const scores = { count: 40, accuracy: 0.7, accuracy_recent: 0.8, loss: 1 }

test('the headline of labels is their accuracy, beside the most frequent label', () => {
  const report = { baselines: { majority: { accuracy_recent: 0.25 } } }
  expect(headlineOf(classificationView, scores, report)).toMatchObject({
    ...{ name: 'accuracy', better: 'higher', recent: 0.8, all: 0.7 },
    baseline: { name: 'always the most frequent label', recent: 0.25 },
  })
  expect(headlineOf(classificationView, { ...scores, count: 0 }, report)).toMatchObject({
    ...{ recent: null, all: null },
  })
})

test('the headline of texts is the loss of what was completed: thumbs and pairs alone have none', () => {
  const completions = { events: 3, token_loss: 4.5, token_loss_recent: 3.8 }
  const loss = { name: 'loss', better: 'lower' }
  expect(headlineOf(generationView, scores, { completions })).toMatchObject({
    ...{ ...loss, recent: 3.8, all: 4.5 },
  })
  const none = { completions: { ...completions, events: 0 } }
  for (const report of [none, {}, undefined])
    expect(headlineOf(generationView, scores, report)).toMatchObject({ ...loss, recent: null })
})

test('the headline of numbers is their mean error, and a mean that nothing was compared with yet is no baseline', () => {
  const report = (mae: number) => ({
    ...{ events: 9, mae: 12, mae_recent: 8 },
    baselines: { running_mean: { mae_recent: mae } },
  })
  expect(headlineOf(regressionView, scores, report(83))).toMatchObject({
    ...{ name: 'mean error', better: 'lower', recent: 8, all: 12 },
    baseline: { recent: 83 },
  })
  expect(headlineOf(regressionView, scores, report(0))).not.toHaveProperty('baseline')
})
