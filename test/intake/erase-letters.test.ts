/** Dead letters of events that have to be forgotten, in whatever form the events came. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import { deadLettersFile, openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { messageOf } from '../../src/intake/dead-letters/service.ts'
import { eraseEvents, type ErasedEvents } from '../../src/intake/erase-events.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { letter } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'

const json = (value: object) => new TextEncoder().encode(JSON.stringify(value))
const base64 = (value: object) => Buffer.from(json(value)).toString('base64')

/** The keys of the letters that are left. */
async function leftOf(letters: readonly DeadLetter[], wanted: Partial<ErasedEvents>) {
  const folder = scratchFolder()
  const path = join(folder, deadLettersFile)
  const written = openDeadLetters(path, { count: 100 })
  await written.write(letters)
  await written.close()
  const all = { atMs: 2e12, predictions: [], ...wanted }
  const { counts } = eraseEvents(folder, all, () => {
    throw new Error('there is no inbox')
  })
  const left = openDeadLetters(path, { count: 100 })
  const keys = left.list(100).map(({ key }) => key)
  await left.close()
  expect(counts.dead_letters).toBe(letters.length - keys.length)
  return keys.toReversed()
}

test('a letter is found by the source that its event has, wherever the message names it', async () => {
  const own = { source: 'person', id: 'a', label: 'x' }
  const cloud = { specversion: '1.0', source: '/gateway', id: 'e' }
  const kept = [
    letter('shop', json({ ...own, source: 'shop' })),
    letter('shop-in-cloud', json({ ...cloud, source: 'person', data: { ...own, source: 'shop' } })),
    letter('deep', new TextEncoder().encode('['.repeat(20_000) + ']'.repeat(20_000))),
    letter(
      'deep-object',
      new TextEncoder().encode('{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000)),
    ),
  ]
  const gone = [
    letter('plain', json(own)),
    letter('structured', json({ ...cloud, data: own })),
    letter('structured-base64', json({ ...cloud, data_base64: base64(own) })),
    letter('envelope', json({ ...cloud, source: 'person', data: { label: 'x' } })),
    { ...letter('binary', json({ label: 'x' })), headers: { CE_Source: 'person', ce_id: 'b' } },
    { ...letter('binary-http', json({ label: 'x' })), headers: { 'ce-source': 'p%65rson' } },
  ]
  const keys = kept.map(({ key }) => key)
  expect(await leftOf([...kept, ...gone], { source: 'person' })).toEqual(keys)
})

test('a letter of an event without an id is found by the id of its content', async () => {
  const event = { source: 'shop', input: 'x', label: 'y' }
  const { id } = parseEvent(json(event), defaultLimits, { source: 'http' })
  const letters = [letter('a', json(event)), letter('b', json({ ...event, label: 'z' }))]
  expect(await leftOf(letters, { source: 'shop', id })).toEqual(['b'])
})

test('an event in binary mode that is sent again has the source that it had', () => {
  const headers = { 'ce-source': 'caf%C3%A9', 'ce-id': '1' }
  const value = json({ input: 'x', label: 'y' })
  const sent = messageOf({ ...letter('a', value), headers })
  const { source } = parseEvent(value, defaultLimits, { source: 'kafka', headers })
  expect(parseEvent(sent, defaultLimits, { source: 'http' }).source).toBe(source)
})
