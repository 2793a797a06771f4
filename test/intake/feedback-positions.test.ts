import { expect, test } from 'vitest'
import {
  reachedGeneration,
  unlearnedHere,
  unreadHere,
} from '../../src/serving/services/feedback/feedback-progress.ts'
import type { OpenModel } from '../../src/app/context.ts'
import { type FeedbackProgress, unknownStatus } from '../../src/trainer/contract.ts'

const model = (end: number, consumed: number, isForwarded = false) =>
  ({
    inbox: { marks: () => ({ end, consumed }) },
    ...(isForwarded && { forwarder: {} }),
  }) as Pick<OpenModel, 'inbox' | 'forwarder'>

const at = (read: string, settled = read, generation = 5): FeedbackProgress => ({
  read: { '0': read },
  settled: { '0': settled },
  generation,
})
const status = (feedback?: FeedbackProgress) => ({
  ...unknownStatus('m'),
  ...(feedback && { feedback }),
})

test('what the trainer has not read is counted where it is durable', () => {
  expect(unreadHere(model(10, 2), status(at('7')))).toBe(3)
  // What it said last may be older than what it has saved.
  expect(unreadHere(model(10, 8), status(at('7')))).toBe(2)
  expect(unreadHere(model(10, 2), status())).toBe(8)
  expect(unreadHere({}, status())).toBe(0)
})

test('what waits for an update is what is pending and what came since the trainer said so', () => {
  // It has saved more than it has told of: what it told belongs together.
  expect(unlearnedHere(model(5, 4), { ...status(at('1')), pending: 1 })).toBe(5)
  expect(unlearnedHere(model(5, 5), { ...status(at('5')), pending: 0 })).toBe(0)
  expect(unlearnedHere({}, status())).toBeUndefined()
})

test('a position of another inbox says nothing of this one', () => {
  expect(unreadHere(model(3, 0), status(at('500')))).toBe(3)
})

test('in a fleet, what was forwarded counts until the trainer has said that it was learned', () => {
  expect(unreadHere(model(10, 2, true), status(at('1700-0/10')))).toBe(8)
})

test('alone, offsets are compared', () => {
  const position = { replica: undefined, offset: 7 }
  expect(reachedGeneration(position, status(at('9', '6')), undefined)).toBeUndefined()
  expect(reachedGeneration(position, status(at('9', '7')), undefined)).toBe(5)
  expect(reachedGeneration(position, status(), undefined)).toBeUndefined()
})

test('in a fleet, the word of the trainer has to pass the offset, and what is settled the word', () => {
  const position = { replica: 'a', offset: 7 }
  const settled = status(at('1700-3/9'))
  expect(reachedGeneration(position, settled, undefined)).toBeUndefined()
  expect(reachedGeneration(position, settled, { consumed: 6, heard: '1700-2' })).toBeUndefined()
  expect(reachedGeneration(position, settled, { consumed: 7, heard: '1700-4' })).toBeUndefined()
  expect(reachedGeneration(position, settled, { consumed: 7, heard: '1700-3' })).toBe(5)
})
