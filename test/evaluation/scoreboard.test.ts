import { expect, test } from 'vitest'
import { Scoreboard } from '../../src/evaluation/scoreboard.ts'
import { classificationOf } from '../tasks/classification-of.ts'

const score = (correct: boolean, loss = 1) => ({
  error: correct ? 0 : 1,
  loss,
  answer: 'x',
})
const example = { source: 's', target: { kind: 'label', label: 'x' } } as const

test('an empty scoreboard says zero, never NaN', () => {
  expect(new Scoreboard(classificationOf()).scores()).toEqual({
    count: 0,
    accuracy: 0,
    accuracy_recent: 0,
    loss: 0,
  })
})

test('accuracy and loss are means over all examples', () => {
  const board = new Scoreboard(classificationOf())
  for (const [correct, loss] of [
    [true, 1],
    [false, 2],
    [true, 3],
    [true, 4],
  ] as const)
    board.observe(score(correct, loss), example)
  expect(board.scores()).toMatchObject({ count: 4, accuracy: 0.75, loss: 2.5 })
})

test('recent accuracy follows the fading factor of Gama et al.: S/N with S = e + αS, N = 1 + αN', () => {
  const board = new Scoreboard(classificationOf())
  const errors = Array.from({ length: 1500 }, (_, at) => at >= 1000)
  let sum = 0
  let weights = 0
  for (const correct of errors) {
    board.observe(score(correct), example)
    sum = (correct ? 1 : 0) + 0.998 * sum
    weights = 1 + 0.998 * weights
  }
  expect(board.scores().accuracy_recent).toBeCloseTo(sum / weights, 12)
  expect(board.scores().accuracy_recent).toBeGreaterThan(0.6)
  expect(board.scores().accuracy).toBeCloseTo(1 / 3, 12)
})

test('an infinite loss is left out of the mean, and the example still counts as wrong', () => {
  const board = new Scoreboard(classificationOf())
  board.observe(score(true, 0.5), example)
  board.observe(score(false, Infinity), example)
  expect(board.scores()).toMatchObject({ count: 2, accuracy: 0.5, loss: 0.5 })
})

test('a snapshot restores exactly, twice too', () => {
  const board = new Scoreboard(classificationOf())
  for (let at = 0; at < 100; at += 1) board.observe(score(at % 3 === 0, at / 7), example)
  const copy = new Scoreboard(classificationOf())
  copy.restore(structuredClone(board.snapshot()))
  copy.restore(structuredClone(board.snapshot()))
  board.observe(score(true), example)
  copy.observe(score(true), example)
  expect(copy.scores()).toEqual(board.scores())
})

test('a state of before quality was kept restores, and quality begins', () => {
  const board = new Scoreboard(classificationOf())
  board.observe(score(true), example)
  const { quality: _quality, ...old } = board.snapshot()
  const later = new Scoreboard(classificationOf())
  later.restore(old)
  later.observe(score(false), example)
  expect(later.scores()).toMatchObject({ count: 2, accuracy: 0.5 })
  expect(later.quality.report()).toMatchObject({ events: 1, accuracy: 0 })
})
