/** Signatures of sources: the example of the specification, each way to be wrong, and messages without headers. */
import { label } from '../../../src/payloads/signals/label.ts'
import { text } from '../../../src/payloads/inputs/text.ts'
import { describe, expect, test } from 'vitest'
import { recordParser } from '../../../src/intake/record-parser.ts'
import {
  faultOf,
  signatureOf,
  type SignedMessage,
} from '../../../src/intake/signatures/standard-webhooks.ts'
import { isMeant, meantBy } from '../../../src/intake/retraction.ts'
import { defaultLimits } from '../../../src/platform/limits.ts'
import { thrown } from '../../coded.ts'
import { identified } from '../../example-key.ts'

const secret = 'whsec_plJ3nmyCDGBKInavdOK15jsl'
const example: SignedMessage = {
  headers: {
    'webhook-id': 'msg_loFOjxBNrRLzqYUf',
    'webhook-timestamp': '1731705121',
    'webhook-signature': 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
  },
  body: new TextEncoder().encode('{"event_type":"ping","data":{"success":true}}'),
}
const signedMs = 1_731_705_121_000
const rules = { secrets: [secret], toleranceMs: 300_000 }

describe('a signature', () => {
  test('of the published test vector is right, within its tolerance alone', () => {
    expect(faultOf(example, rules, signedMs)).toBeUndefined()
    expect(faultOf(example, rules, signedMs + 299_000)).toBeUndefined()
    expect(faultOf(example, rules, signedMs + 301_000)).toMatch('was signed 301 s before')
    expect(faultOf(example, rules, signedMs - 301_000)).toMatch('was signed 301 s after')
    expect(faultOf(example, rules, undefined)).toBeUndefined()
  })

  test('with another secret, body, id or time is wrong; one of several is enough', () => {
    const { headers, body } = example
    const wrong = 'no signature matches'
    expect(faultOf(example, { ...rules, secrets: ['whsec_AAAA'] }, signedMs)).toBe(wrong)
    expect(faultOf(example, { ...rules, secrets: [] }, signedMs)).toBe(wrong)
    expect(faultOf({ headers, body: body.subarray(1) }, rules, signedMs)).toBe(wrong)
    for (const [name, value] of [
      ['webhook-id', 'msg_other'],
      ['webhook-timestamp', '1731705122'],
      ['webhook-signature', 'v1,AAAA'],
      ['webhook-signature', 'v2,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0='],
    ] as const)
      expect(faultOf({ headers: { ...headers, [name]: value }, body }, rules, signedMs)).toBe(wrong)
    const both = `v1,AAAA ${headers['webhook-signature']}`
    const several = { headers: { ...headers, 'webhook-signature': both }, body }
    expect(faultOf(several, { ...rules, secrets: ['an older secret', secret] }, signedMs)).toBe(
      undefined,
    )
  })

  test('that is missing is named, and a time that is none is refused', () => {
    const { headers, body } = example
    const { 'webhook-id': _id, ...others } = headers
    expect(faultOf({ headers: others, body }, rules, signedMs)).toBe('it has no webhook-id')
    const odd = { ...headers, 'webhook-timestamp': 'soon' }
    expect(faultOf({ headers: odd, body }, rules, signedMs)).toMatch('not a number of seconds')
  })
})

describe('a stream with a signed source', () => {
  const parse = recordParser({
    ...{ limits: defaultLimits, reads: [text], signals: [label], checked: 'http' },
    onUnknownKey: () => {},
    signed: new Map([['partner', rules]]),
  })
  const event = (source: string) => JSON.stringify({ id: '1', source, input: 'x', label: 'yes' })
  const signed = (text: string, id = 'm1', timestamp = '1731705121') => ({
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signatureOf(secret, {
      ...{ id, timestamp, body: new TextEncoder().encode(text) },
    }).toString('base64')}`,
  })
  const record = (text: string, headers?: Record<string, string>) => ({
    ...{ partition: '0', position: '0', next: '1', timeMs: signedMs },
    value: new TextEncoder().encode(text),
    ...(headers && { headers }),
  })

  test('takes its events with a signature in the headers, in any case, and no others', () => {
    const text = event('partner')
    const upper = Object.fromEntries(
      Object.entries(signed(text)).map(([name, value]) => [name.toUpperCase(), value]),
    )
    expect(parse(record(text, signed(text)), 'kafka').source).toBe('partner')
    expect(parse(record(text, upper), 'kafka').source).toBe('partner')
    expect(thrown(() => parse(record(text), 'kafka')).code).toBe('SIGNATURE_INVALID')
    expect(thrown(() => parse(record(text, signed(event('other'))), 'kafka')).code).toBe(
      'SIGNATURE_INVALID',
    )
    const old = signed(text, 'm1', '1731700000')
    expect(thrown(() => parse(record(text, old), 'kafka')).code).toBe('SIGNATURE_INVALID')
  })

  test('takes a line that carries its signature as fields', () => {
    const body = event('partner')
    const line = JSON.stringify({ ...signed(body), body })
    expect(parse(record(line), 'file')).toMatchObject({ source: 'partner', id: '1' })
    const forged = JSON.stringify({ ...signed(body), body: body.replace('yes', 'no') })
    expect(thrown(() => parse(record(forged), 'file')).code).toBe('SIGNATURE_INVALID')
  })

  test('keeps its events from a retraction that names no source, and so needs no signature', () => {
    const reaches = (text: string, source: string, connector: string) => {
      const meant = meantBy(parse(record(text), connector), () => false)
      return isMeant(meant, identified(source, '1'))
    }
    const nameless = JSON.stringify({ id: '1', retract: true })
    for (const connector of ['kafka', 'http']) {
      expect(reaches(nameless, 'other', connector)).toBe(true)
      expect(reaches(nameless, 'partner', connector)).toBe(false)
    }
    const named = JSON.stringify({ id: '1', source: 'partner', retract: true })
    expect(thrown(() => parse(record(named), 'kafka')).code).toBe('SIGNATURE_INVALID')
  })

  test('believes no header that the signature does not cover: one message is one event', () => {
    const text = JSON.stringify({ input: 'x', label: 'yes' })
    const ce = (id: string) => ({ ce_specversion: '1.0', ce_source: 'partner', ce_id: id })
    const once = parse(record(text, { ...signed(text), ...ce('m1'), ce_slice: 'a' }), 'kafka')
    expect(once).toMatchObject({ source: 'partner', id: 'm1' })
    expect(once.slice).toBeUndefined()
    for (const id of ['m2', 'm3'])
      expect(thrown(() => parse(record(text, { ...signed(text), ...ce(id) }), 'kafka')).code).toBe(
        'SIGNATURE_INVALID',
      )
    const own = JSON.stringify({ id: 'e-1', source: 'partner', input: 'x', label: 'yes' })
    expect(parse(record(own, { ...signed(own), ...ce('m2') }), 'kafka').id).toBe('e-1')
    const line = JSON.stringify({ source: 'partner', input: 'x', label: 'yes' })
    for (const connector of ['file', 'http'])
      expect(parse(record(JSON.stringify({ ...signed(line), body: line })), connector).id).toBe(
        'm1',
      )
    // Who takes everything back does not name an event by that.
    const all = JSON.stringify({ source: 'partner', retract: true })
    expect(parse(record(all, signed(all)), 'kafka').signal).toEqual({ kind: 'retract', all: {} })
  })

  test('asks nothing of other sources, nor of what was checked when it arrived', () => {
    expect(parse(record(event('other')), 'kafka').source).toBe('other')
    expect(parse(record(event('partner')), 'http').source).toBe('partner')
    const body = event('partner')
    const line = JSON.stringify({ ...signed(body), body })
    expect(parse(record(line), 'http')).toMatchObject({ source: 'partner', id: '1' })
  })
})
