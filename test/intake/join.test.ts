import { rating as ratingKind } from '../../src/payloads/signals/rating.ts'
import { label } from '../../src/payloads/signals/label.ts'
import { asKey } from '../example-key.ts'
import { expect, test } from 'vitest'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import { needsPrediction, PendingJoins, type WaitingEvent } from '../../src/intake/join.ts'

const about: FeedbackEvent = {
  id: '1',
  source: 's',
  predictionId: 'p',
  signal: { kind: 'label', label: 'a' },
  weight: 1,
}

function waiting(key: string, since: number, predictionId = `p-${key}`): WaitingEvent {
  const record = { partition: '0', position: key, next: key, value: new Uint8Array() }
  return {
    key: asKey(key),
    since,
    event: { ...about, predictionId },
    received: { connector: 's', record },
  }
}

const keys = (events: readonly WaitingEvent[]) => events.map(({ key }) => key)

test('a prediction is looked up for its input, and for the answer that a rating speaks of', () => {
  const input = { kind: 'text', text: 'x' } as const
  const needs = (event: FeedbackEvent) => needsPrediction(event, [label, ratingKind])
  const rating = { kind: 'rating', rating: 1 } as const
  expect(needs(about)).toBe(true)
  expect(needs({ ...about, input })).toBe(false)
  expect(needs({ ...about, input, signal: rating })).toBe(true)
  const { predictionId: _, ...withoutPrediction } = about
  expect(needs({ ...withoutPrediction, signal: rating })).toBe(false)
})

test('an event is tried again after 1, 2, 4, 8 … accepted events, also after a restart', () => {
  const room = new PendingJoins({ count: 10, events: 100 })
  room.enter(waiting('a', 10))
  const due: number[] = []
  for (let accepted = 11; accepted < 50; accepted += 1) {
    if (accepted === 20) room.restore(room.events, 19)
    if (room.due(accepted).length > 0) due.push(accepted)
  }
  expect(due).toEqual([11, 12, 14, 18, 26, 42])
})

test('who waited for too many events gives up, the oldest first', () => {
  const room = new PendingJoins({ count: 10, events: 5 })
  room.enter(waiting('a', 0))
  room.enter(waiting('b', 2))
  expect(keys(room.expire(4))).toEqual([])
  expect(keys(room.expire(5))).toEqual(['a'])
  expect(keys(room.expire(7))).toEqual(['b'])
  expect(room.size).toBe(0)
  expect(room.due(8)).toEqual([])
})

test('a full room lets the oldest go', () => {
  const room = new PendingJoins({ count: 2, events: 100 })
  for (const key of ['a', 'b', 'c', 'd']) room.enter(waiting(key, 1))
  expect(keys(room.expire(1))).toEqual(['a', 'b'])
  expect(keys(room.events)).toEqual(['c', 'd'])
})

test('who waited too long by the time of later records gives up, also after a restart', () => {
  const room = new PendingJoins({ count: 10, events: 100, ms: 1000 })
  const at = (key: string, timeMs: number): WaitingEvent => {
    const { received, ...rest } = waiting(key, 1)
    return { ...rest, received: { ...received, record: { ...received.record, timeMs } } }
  }
  room.enter(at('a', 5000))
  room.enter(at('b', 5500))
  // One without a time waits for later events alone.
  room.enter(waiting('c', 1))
  room.saw({ timeMs: 5999 })
  expect(keys(room.expire(2))).toEqual([])
  room.restore(room.events, 2)
  room.saw({ timeMs: 6000 })
  room.saw({ timeMs: 3 })
  expect(keys(room.expire(2))).toEqual(['a'])
  room.saw({ timeMs: 9000 })
  expect(keys(room.expire(2))).toEqual(['b'])
  expect(keys(room.expire(101))).toEqual(['c'])
})

test('a restart keeps the time of records that do not wait', () => {
  const room = new PendingJoins({ count: 10, events: 100, ms: 1000 })
  room.saw({ timeMs: 9000 })
  const again = new PendingJoins({ count: 10, events: 100, ms: 1000 })
  again.restore(room.events, 1, room.newestMs)
  const { received, ...rest } = waiting('a', 1)
  again.enter({ ...rest, received: { ...received, record: { ...received.record, timeMs: 8000 } } })
  expect(keys(again.expire(1))).toEqual(['a'])
})

test('a room that is full in bytes lets the oldest go, and counts what left by itself', () => {
  const room = new PendingJoins({ count: 10, events: 100, bytes: 1000 })
  const heavy = (key: string, bytes: number): WaitingEvent => {
    const { received, ...rest } = waiting(key, 1)
    const record = { ...received.record, value: new Uint8Array(bytes) }
    return { ...rest, received: { ...received, record } }
  }
  for (const key of ['a', 'b', 'c']) room.enter(heavy(key, 400))
  expect(keys(room.expire(1))).toEqual(['a'])
  room.leave(asKey('b'))
  room.leave(asKey('b'))
  room.enter(heavy('d', 600))
  expect(keys(room.expire(1))).toEqual([])
  room.restore(room.events, 1)
  room.enter(heavy('e', 1))
  expect(keys(room.expire(1))).toEqual(['c'])
})

test('a retraction finds what waits by key and by prediction', () => {
  const room = new PendingJoins({ count: 10, events: 100 })
  room.enter(waiting('a', 1, 'p-1'))
  room.enter(waiting('b', 1, 'p-2'))
  room.enter(waiting('c', 1, 'p-1'))
  expect(keys(room.about(asKey('b'), undefined))).toEqual(['b'])
  expect(keys(room.about(asKey('x'), 'p-1'))).toEqual(['a', 'c'])
})
