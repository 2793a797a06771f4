import { expect, test } from 'vitest'
import { defaultLimits, limitsOf, limitTable, type Limit } from '../../src/platform/limits.ts'

test.each(Object.entries(limitTable) as [string, Limit][])(
  '%s has a default inside its range, and a reason',
  (_name, limit) => {
    expect(limit.default).toBeGreaterThanOrEqual(limit.least)
    expect(limit.default).toBeLessThanOrEqual(limit.most)
    expect(limit.reason.length).toBeGreaterThan(20)
  },
)

test('the defaults are those that the documents promise', () => {
  expect(defaultLimits).toMatchObject({
    body_bytes: 262_144,
    body_events: 1000,
    event_bytes: 65_536,
    text_characters: 10_000,
    json_depth: 32,
    features: 4096,
    feature_magnitude: 1e15,
    labels: 1024,
    label_characters: 128,
    message_bytes: 16_777_216,
    queue: 1024,
    safetensors_header_bytes: 1_048_576,
  })
})

test('a limit follows from the one that a config sets, in proportion and not below what it needs', () => {
  const of = (given: object) => limitsOf({ ...defaultLimits, ...given })
  expect(of({ inbox_events: 2_000_000 }).inbox_bytes).toBe(2 * defaultLimits.inbox_bytes)
  expect(of({ inbox_events: 10 }).inbox_bytes).toBe(2 ** 24)
  expect(of({ set_aside: 500 })).toMatchObject({ quarantine: 50, set_aside_bytes: 2 ** 24 })
  expect(of({ request_ms: 60_000 })).toMatchObject({ wait_for_ms: 20_000, json_depth: 32 })
  expect(of({ connections: 1 })).toMatchObject({ watchers: 1, probe_connections: 1 })
})
