import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { inflate } from '../../connectors/kafka/inflate.ts'
import { decodeBatch } from '../../connectors/kafka/record-batch.ts'
import { CompressionTypes } from 'kafkajs'
import { output, startChild } from '../child.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { kafkaClient, makeTopic, needsKafka, produce, sharedKafka } from '../services/kafka.ts'
import { batchOf, bombs, codecs, framedSnappyBomb, recordOf, type Codec } from './kafka-bytes.ts'
import { positionsAfter, never, readSome, sourceOf, textOf } from './kafka-source.ts'
import { fc } from '../properties.ts'

const MiB = 1024 * 1024
const limits = { batchBytes: 16 * MiB }
const names = Object.keys(codecs) as Codec[]

interface Told {
  readonly refused: { readonly code: string; readonly reason: string }
  /** Of the peak of resident memory. */
  readonly grownBytes: number
  /** Of the processor's time. */
  readonly tookMs: number
}

describe('a batch', () => {
  it('gives its records with their offsets, times, keys and values', () => {
    const records = [recordOf(Buffer.from('one')), recordOf(Buffer.from('two'), 1)]
    const decoded = decodeBatch(batchOf(Buffer.concat(records), { count: 2, base: 40 }), limits)
    expect(decoded.records).toMatchObject([
      { at: 40, offset: '40', timeMs: 1007, key: null, value: Buffer.from('one') },
      { at: 41, offset: '41', timeMs: 1007, key: null, value: Buffer.from('two') },
    ])
  })

  it.each([
    ...names.map((name) => [name, bombs[name]] as const),
    ['snappy', framedSnappyBomb],
  ] as const)(
    'of %s out of which half a gigabyte would come is refused at once, and with little memory',
    async (name, bomb) => {
      const path = join(scratchFolder(), name)
      writeFileSync(path, batchOf(bomb(), { codec: codecs[name], count: 3, base: 100 }))
      const child = startChild('./bomb.child.mjs', import.meta.url, path, String(limits.batchBytes))
      const told = JSON.parse(await output(child)) as Told
      expect(told).toMatchObject({ count: 1, at: 102, refused: { code: 'EVENT_TOO_LARGE' } })
      expect(told.refused.reason).toContain(name)
      expect(told.grownBytes).toBeLessThan(64 * MiB)
      expect(told.tookMs).toBeLessThan(1000)
    },
  )

  it('of more messages than memory has room for is refused', () => {
    const empty = recordOf(Buffer.alloc(0))
    const records = Buffer.alloc(empty.length * 1_000_000, empty)
    const bomb = batchOf(gzipSync(records), { codec: 1, count: 1_000_000 })
    expect(bomb.length).toBeLessThan(MiB)
    const decoded = decodeBatch(bomb, limits)
    expect(decoded.records).toMatchObject([{ refused: { code: 'EVENT_TOO_LARGE' } }])
  })

  it('that cannot be read becomes one record, whatever its bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        (bytes, codec, count) => {
          const batch = batchOf(Buffer.from(bytes), { codec, count, base: 7 })
          const { records } = decodeBatch(batch, limits)
          if (records.length === 1 && records[0]!.refused !== undefined)
            expect(records[0]).toMatchObject({ at: 7 + count - 1, value: batch })
          else expect(records).toHaveLength(count)
        },
      ),
    )
  })

  it('of a codec that is damaged somewhere is refused or read, never thrown', () => {
    const honest = batchOf(bombs.lz4().subarray(0, 3000), { codec: 3 })
    for (const name of names) {
      const bytes = Buffer.from(bombs[name]().subarray(0, 5000))
      for (let time = 0; time < 50; time += 1) {
        bytes[Math.floor((time * 97) % bytes.length)] = (time * 31) % 256
        expect(decodeBatch(batchOf(bytes, { codec: codecs[name] }), limits).records).toHaveLength(1)
      }
    }
    expect(decodeBatch(honest, limits).records[0]!.refused).toBeDefined()
  })

  it('of zstd that claims a window of two gigabytes is refused before there is room made for it', () => {
    const claim = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0x00, 0x00, 0x00])
    const { records } = decodeBatch(batchOf(claim, { codec: 4 }), limits)
    expect(records[0]!.refused?.code).toBe('EVENT_TOO_LARGE')
  })
})

describe('snappy', () => {
  it('in frames is read frame by frame, up to the limit', () => {
    const frames = framedSnappyBomb().subarray(0, 16 + 2 * 49_161)
    expect(Buffer.compare(inflate(2, frames, 16 * MiB), Buffer.alloc(2 * MiB))).toBe(0)
  })

  it('is read raw too, as librdkafka writes it', () => {
    // "abcdabcdabcd!" as a literal of four, a copy of eight at distance four, a literal of one.
    const raw = Buffer.from([13, 0x0c, 0x61, 0x62, 0x63, 0x64, 0x11, 0x04, 0x00, 0x21])
    expect(inflate(2, raw, 100).toString()).toBe('abcdabcdabcd!')
    expect(() => inflate(2, raw, 12)).toThrow('more than 12 bytes')
  })
})

describe.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('a topic of %s', (codec) => {
  it('gives what was sent, as the broker compresses it', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 1, { 'compression.type': codec })
    const texts = Array.from(
      { length: 500 },
      (_, index) => `{"id":"${index}","text":"the gears turn"}`,
    )
    const noise = randomBytes(40_000)
    await produce(brokers, topic, [...texts, { value: noise, key: 'noise', headers: { a: 'ä' } }])
    const source = sourceOf(brokers, topic)
    await source.open({}, never)
    const records = await readSome(source, 501)
    await source.close()
    expect(records.slice(0, 500).map(textOf)).toEqual(texts)
    expect(records[500]).toMatchObject({ headers: { a: 'ä' }, position: '500' })
    expect(Buffer.from(records[500]!.value)).toEqual(noise)
    expect(source.stats!().refused).toBe(0)
  })

  it('goes on behind a batch that would be too large', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const config = { 'compression.type': codec, 'max.message.bytes': String(64 * MiB) }
    const topic = await makeTopic(brokers, 1, config)
    await produce(brokers, topic, ['before'])
    await produce(brokers, topic, [{ value: Buffer.alloc(20 * MiB) }])
    await produce(brokers, topic, ['after'])
    const source = sourceOf(brokers, topic)
    await source.open({}, never)
    const records = await readSome(source, 3)
    await source.close()
    expect(records.map(({ refused }) => refused?.code)).toEqual([
      undefined,
      'EVENT_TOO_LARGE',
      undefined,
    ])
    expect(textOf(records[2]!)).toBe('after')
    expect(source.stats!().refused).toBe(1)
    const again = sourceOf(brokers, topic)
    await again.open(positionsAfter(records.slice(0, 2)), never)
    expect((await readSome(again, 1)).map(textOf)).toEqual(['after'])
    await again.close()
  })
})

it('gzip of a producer of another kind is read', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  const producer = kafkaClient(brokers).producer()
  await producer.connect()
  await producer.send({
    topic,
    compression: CompressionTypes.GZIP,
    messages: [{ value: 'a' }, { value: 'b' }],
  })
  await producer.disconnect()
  const source = sourceOf(brokers, topic)
  await source.open({}, never)
  expect((await readSome(source, 2)).map(textOf)).toEqual(['a', 'b'])
  await source.close()
})
