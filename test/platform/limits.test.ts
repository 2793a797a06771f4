import { expect, test } from 'vitest'
import { defaultLimits, limitTable, type Limit } from '../../src/platform/limits.ts'

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
