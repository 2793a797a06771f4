/** The battery over each kind of the tables, and what stored data depend on. */
import { expect, test } from 'vitest'
import type { Json } from '../../src/contracts/core.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import { signalDigest } from '../../src/intake/events/signal-digest.ts'
import { inputs, signals } from '../../src/plugins.ts'
import { inputConformance, signalConformance } from '../conformance/payload.ts'

const taught: Readonly<Record<keyof typeof signals, readonly Json[]>> = {
  label: ['a', 'b', 'ä ö'],
  value: [0, 1, -2.5],
  completion: ['yes', 'no'],
  preference: [
    { chosen: 'a', rejected: 'b' },
    { chosen: 'b', rejected: 'a' },
  ],
  rating: [1, -1],
}

for (const kind of Object.values(inputs)) inputConformance(kind)
for (const [name, kind] of Object.entries(signals))
  signalConformance(kind, taught[name as keyof typeof signals])

test.each<[number, Partial<FeedbackEvent>]>([
  [53462088, { input: { kind: 'text', text: 'hi' }, signal: { kind: 'label', label: 'a' } }],
  [
    1260310258,
    { input: { kind: 'features', features: [0.5, 1] }, signal: { kind: 'value', value: 3.5 } },
  ],
  [
    2981439281,
    {
      input: { kind: 'features', features: { b: 1, a: 'x' } },
      signal: { kind: 'value', value: -0.25 },
    },
  ],
  [
    1249273995,
    {
      input: { kind: 'messages', messages: [{ role: 'user', content: 'hi' }] },
      signal: { kind: 'completion', text: 'yes', corrects: false },
    },
  ],
  [3478948173, { predictionId: 'p', signal: { kind: 'completion', text: 'yes', corrects: true } }],
  [3551949322, { predictionId: 'p', signal: { kind: 'preference', chosen: 'a', rejected: 'b' } }],
  [2392987339, { predictionId: 'p', signal: { kind: 'rating', rating: -1 } }],
  [568601822, { signal: { kind: 'retract', anySource: true } }],
])('digest %i, which inboxes and checkpoints keep, stays that of its event', (digest, event) => {
  expect(signalDigest({ weight: 1, signal: { kind: '' }, ...event })).toBe(digest)
})
