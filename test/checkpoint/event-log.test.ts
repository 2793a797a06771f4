import { expect, test } from 'vitest'
import type { ExampleKey } from '../../src/contracts/core.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { eventStates } from '../../src/checkpoint/event-log/states.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'

test('a row that fell out is unknown at once, as it is after a restart', () => {
  const dedupe = new Dedupe(() => [], Infinity)
  const log = new EventLog({
    limits: { events: 2, bytes: 1e9 },
    hashOf: (key) => dedupe.hashOf(key),
    sizeOf: () => 8,
    isKnown: () => false,
    stored: { rows: () => [], traces: () => [] },
  })
  for (const id of ['e-0', 'e-1', 'e-2'])
    log.add({ key: `s\0${id}` as ExampleKey, state: eventStates.learned })
  const names = (rows: Iterable<{ readonly key: ExampleKey }>) =>
    [...rows].map(({ key }) => key.slice(2))
  expect(names(log.rows())).toEqual(['e-1', 'e-2'])
  expect(names(log.known())).toEqual(['e-1', 'e-2'])
  expect(log.counts).toMatchObject({ learned: 2, older: 1 })
})
