/** Messages as producers of every kind write them, through a real broker and the same parser as everything else. */
import { text } from '../../src/payloads/inputs/text.ts'
import { describe, expect, it } from 'vitest'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'
import { makeTopic, needsKafka, produce, sharedKafka, type Sent } from '../services/kafka.ts'
import { never, readSome, sourceOf, textOf } from './kafka-source.ts'

const lesson = { input: { text: 'it turns' }, label: 'good' }

async function through(messages: readonly Sent[]): Promise<readonly SourceRecord[]> {
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  await produce(brokers, topic, messages)
  const source = sourceOf(brokers, topic)
  await source.open({}, never)
  const records = await readSome(source, messages.length)
  await source.close()
  return records
}

function parsed({ value, headers = {}, timeMs }: SourceRecord): FeedbackEvent {
  const texts = Object.entries(headers).filter(([, of]) => typeof of === 'string')
  return parseEvent(value, defaultLimits, {
    source: 'kafka:feedback',
    reads: [text],
    headers: Object.fromEntries(texts) as Record<string, string>,
    ...(timeMs !== undefined && { timeMs }),
  })
}

describe('a message of Kafka', () => {
  it('is an event, known by its own id, or by its content', async (context) => {
    needsKafka(context)
    const timestamp = '1700000000123'
    const [named, unnamed, again] = await through([
      { value: JSON.stringify({ id: 'e-1', ...lesson }), timestamp },
      { value: JSON.stringify(lesson), key: 'a' },
      { value: JSON.stringify(lesson), key: 'b', headers: { other: 'header' } },
    ])
    expect(parsed(named!)).toMatchObject({
      id: 'e-1',
      source: 'kafka:feedback',
      signal: { kind: 'label', label: 'good' },
      timeMs: 1_700_000_000_123,
    })
    expect(parsed(unnamed!).id).toMatch(/^sha256:/)
    expect(parsed(again!).id).toBe(parsed(unnamed!).id)
  })

  it('keeps its key, whatever bytes it is made of', async (context) => {
    needsKafka(context)
    const [text, bytes, none] = await through([
      { value: 'a', key: '__proto__' },
      { value: 'b', key: Buffer.from([0, 255]) },
      { value: 'c' },
    ])
    expect(Buffer.from(text!.key!).toString()).toBe('__proto__')
    expect([...bytes!.key!]).toEqual([0, 255])
    expect(none).not.toHaveProperty('key')
  })

  it('without a value takes back the event that its key names', async (context) => {
    needsKafka(context)
    const [named, proto, bytes, unkeyed, empty] = await through([
      { value: null, key: 'e-1' },
      { value: null, key: '__proto__' },
      { value: null, key: Buffer.from([0xff]) },
      { value: null },
      { value: '', key: 'e-2' },
    ])
    expect(parsed(named!)).toMatchObject({ id: 'e-1', signal: { kind: 'retract' } })
    expect(parsed(proto!)).toMatchObject({ id: '__proto__', signal: { kind: 'retract' } })
    for (const nameless of [bytes!, unkeyed!])
      expect(nameless.refused).toMatchObject({ code: 'EVENT_INVALID' })
    // No tombstone: an empty message, which is no event.
    expect(empty!.refused).toBeUndefined()
    expect(thrown(() => parsed(empty!)).code).toBe('EVENT_MALFORMED')
  })

  it('may be a CloudEvent, binary or structured, with the same identity', async (context) => {
    needsKafka(context)
    const envelope = {
      specversion: '1.0',
      type: 'feedback',
      id: 'ce-17',
      source: '/shop',
      time: '2026-11-24T10:00:00Z',
    }
    const headers = Object.fromEntries(
      Object.entries(envelope).map(([name, value]) => [`ce_${name}`, value]),
    )
    const [binary, structured, base64] = await through([
      {
        value: JSON.stringify(lesson),
        headers: { ...headers, 'content-type': 'application/json' },
      },
      {
        value: JSON.stringify({ ...envelope, data: lesson }),
        headers: { 'content-type': 'application/cloudevents+json' },
      },
      {
        value: JSON.stringify({
          ...envelope,
          data_base64: Buffer.from(JSON.stringify(lesson)).toString('base64'),
        }),
      },
    ])
    expect(parsed(binary!)).toMatchObject({
      id: 'ce-17',
      source: '/shop',
      timeMs: Date.parse(envelope.time),
    })
    expect(parsed(structured!)).toEqual(parsed(binary!))
    expect(parsed(base64!)).toEqual(parsed(binary!))
  })

  it('with keys that would change a prototype is refused, and its headers change none', async (context) => {
    needsKafka(context)
    const headers = JSON.parse('{"__proto__":"a","constructor":"b","ce_id":"x"}') as Record<
      string,
      string
    >
    const [top, deep, named] = await through([
      { value: '{"id":"1","__proto__":{"label":"good"},"input":{"text":"a"}}' },
      { value: '{"id":"2","label":"good","input":{"text":"a","constructor":{"prototype":1}}}' },
      { value: JSON.stringify({ id: '3', ...lesson }), headers },
    ])
    for (const poisoned of [top!, deep!])
      expect(thrown(() => parsed(poisoned)).code).toBe('EVENT_FORBIDDEN_KEY')
    expect(Object.getPrototypeOf(named!.headers)).toBe(Object.prototype)
    expect(Object.entries(named!.headers!)).toEqual(Object.entries(headers))
    expect(parsed(named!).id).toBe('3')
    expect(({} as Record<string, unknown>).label).toBeUndefined()
  })

  it('that is too long comes out cut, one byte over the limit, and is refused by its code', async (context) => {
    needsKafka(context)
    const [long, next] = await through([
      { value: Buffer.alloc(200_000, 0x20) },
      { value: JSON.stringify({ id: 'e-2', ...lesson }) },
    ])
    expect(long!.value).toHaveLength(65_537)
    expect(thrown(() => parsed(long!)).code).toBe('EVENT_TOO_LARGE')
    expect(textOf(next!)).toContain('e-2')
  })

  it('has of two headers of one name the last, and bytes where they are no text', async (context) => {
    needsKafka(context)
    const [record] = await through([
      { value: 'a', headers: { twice: ['first', 'last'], bytes: Buffer.from([0xff, 0]) } },
    ])
    expect(record!.headers!.twice).toBe('last')
    expect([...(record!.headers!.bytes as Uint8Array)]).toEqual([0xff, 0])
  })
})
