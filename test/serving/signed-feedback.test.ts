/** Signed feedback over HTTP: the identity is what the signature covers, and the sources are those of the present configuration. */
import { label } from '../../src/payloads/signals/label.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { expect, test } from 'vitest'
import { readFeedbackBody } from '../../src/api/v1/feedback-body.ts'
import { recordParser } from '../../src/intake/record-parser.ts'
import type { SignedSources } from '../../src/intake/signatures/signed-sources.ts'
import { signatureOf } from '../../src/intake/signatures/standard-webhooks.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { eventCheck } from '../../src/serving/services/feedback/event-check.ts'
import { thrown } from '../coded.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openFakeClock } from './fake-clock.ts'

const partner = (secret: string): SignedSources =>
  new Map([['partner', { secrets: [secret], toleranceMs: 300_000 }]])

/** Sends a body with one event, or a list, as a client does, and reads what is stored as the trainer does. */
function open() {
  const clock = openFakeClock()
  let sources: SignedSources | undefined = partner('an old secret')
  const check = eventCheck({
    ...{ model: 'm', source: 'http', reads: [text], limits: defaultLimits },
    task: classificationOf({ known: ['yes', 'no'] }),
    signed: { sources: () => sources, clock },
  })
  const send = async (body: string, secret?: string, more: Record<string, string> = {}) => {
    const bytes = new TextEncoder().encode(body)
    const [id, timestamp] = ['msg-1', String(Math.floor(clock.nowMs() / 1000))]
    const signature = secret && signatureOf(secret, { id, timestamp, body: bytes })
    const headers = {
      ...(signature && {
        ...{ 'webhook-id': id, 'webhook-timestamp': timestamp },
        'webhook-signature': `v1,${signature.toString('base64')}`,
      }),
      ...more,
    }
    const { events } = await readFeedbackBody({ format: 'json', bytes }, headers, 10)
    return () =>
      events.map((incoming) => {
        const { event, bytes: value } = check(incoming.bytes, incoming.request)
        const parse = recordParser({
          ...{ limits: defaultLimits, reads: [text], signals: [label], checked: 'http' },
          ...{ onUnknownKey: () => undefined, signed: sources },
        })
        const record = { value, partition: '0', position: '0', next: '1' }
        expect(parse(record, 'http')).toMatchObject({ id: event.id, source: event.source })
        return event
      })
  }
  return { send, use: (next: SignedSources | undefined) => (sources = next) }
}

const event = { source: 'partner', input: 'x', label: 'yes' }
const cloud = (id: string) => ({ 'ce-specversion': '1.0', 'ce-source': 'partner', 'ce-id': id })

test('one signed message is one event, whatever its other headers say', async () => {
  const { send } = open()
  const bare = JSON.stringify({ input: 'x', label: 'yes' })
  const secret = 'an old secret'
  const ids = async (body: string, more = {}) =>
    (await send(body, secret, more))().map(({ id }) => id)
  expect(await ids(JSON.stringify(event))).toEqual(['msg-1'])
  expect(await ids(bare, cloud('msg-1'))).toEqual(['msg-1'])
  for (const id of ['a', 'b'])
    expect(thrown(await send(bare, secret, cloud(id)))).toMatchObject({ code: 'SIGNATURE_INVALID' })
  expect(await ids(JSON.stringify({ ...event, id: 'own' }), cloud('a'))).toEqual(['own'])
  // Of several events in one body each has its own identity.
  expect(new Set(await ids(JSON.stringify([event, { ...event, label: 'no' }]))).size).toBe(2)
})

test('a retraction of everything from a signed source stays one, and is not about the message', async () => {
  const { send } = open()
  const all = await send(JSON.stringify({ retract: true }), 'an old secret', {
    ...{ 'ce-specversion': '1.0', 'ce-source': 'partner' },
  })
  expect(thrown(all).code).toBe('EVENT_INVALID')
  const named = await send(JSON.stringify({ source: 'partner', retract: true }), 'an old secret')
  expect(named()[0]?.signal).toEqual({ kind: 'retract', all: {} })
})

test('a configuration that is read again has its secrets and its signed sources at once', async () => {
  const { send, use } = open()
  const body = JSON.stringify(event)
  const learns = async (secret?: string) => (await send(body, secret))().length
  const refused = async (secret?: string) => thrown(await send(body, secret)).code
  const [old, fresh] = ['an old secret', 'a new secret']
  expect(await learns(old)).toBe(1)
  expect(await refused(fresh)).toBe('SIGNATURE_INVALID')
  use(partner(fresh))
  expect(await refused(old)).toBe('SIGNATURE_INVALID')
  expect(await learns(fresh)).toBe(1)
  use(undefined)
  expect(await learns()).toBe(1)
  use(partner(fresh))
  expect(await refused()).toBe('SIGNATURE_INVALID')
})
