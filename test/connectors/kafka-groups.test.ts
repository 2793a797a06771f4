import { describe, expect, it, vi } from 'vitest'
import { startKafkaBroker, createTopics } from '../../src/cli/services/kafka-broker.ts'
import { kafkaDeadLetterSink } from '../../connectors/kafka/sink.ts'
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { rejection } from '../coded.ts'
import { letter } from '../conformance/sink.ts'
import {
  administer,
  kafkaClient,
  kafkaForTest,
  makeTopic,
  makeTopicAgain,
  needsKafka,
  produce,
  randomTopic,
  removeBefore,
  sharedKafka,
} from '../services/kafka.ts'
import { never, positionsAfter, readSome, silent, sourceOf, textOf } from './kafka-source.ts'

const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `{"id":"${from + index}"}`)

function expectEachOnce(records: readonly SourceRecord[], texts: readonly string[]): void {
  expect(records.map(textOf).sort()).toEqual([...texts].sort())
}

/** In each partition the offsets rise. */
function expectInOrder(records: readonly SourceRecord[]): void {
  const last = new Map<string, number>()
  for (const { partition, position } of records) {
    expect(Number(position)).toBeGreaterThan(last.get(partition) ?? -1)
    last.set(partition, Number(position))
  }
}

/** What the group has committed of the topic's first partition. */
async function committed(
  brokers: readonly string[],
  groupId: string,
  topic: string,
): Promise<string | undefined> {
  const found = await administer(brokers, (admin) =>
    admin.fetchOffsets({ groupId, topics: [topic] }),
  )
  return found[0]?.partitions.find(({ partition }) => partition === 0)?.offset
}

function writes(sink: Sink, item: DeadLetter): Promise<boolean> {
  return sink.write([item]).then(
    () => true,
    () => false,
  )
}

describe('the Kafka source', () => {
  it('reads all partitions of all its topics, each in order', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topics = [await makeTopic(brokers, 3), await makeTopic(brokers, 2)]
    await produce(brokers, topics[0]!, ids(0, 300))
    await produce(brokers, topics[1]!, ids(300, 500))
    const source = sourceOf(brokers, topics)
    await source.open({}, never)
    expect(await source.lag()).toBe(500)
    const records = await readSome(source, 500)
    expectEachOnce(records, ids(0, 500))
    expectInOrder(records)
    expect(await source.lag()).toBe(0)
    expect(source.stats!()).toMatchObject({ records: 500, refused: 0, rebalances: 0 })
    await source.close()
    const again = sourceOf(brokers, topics)
    await again.open(positionsAfter(records.slice(0, 200)), never)
    expectEachOnce(await readSome(again, 300), records.slice(200).map(textOf))
    await again.close()
  })

  it('loses and doubles nothing while another member joins and leaves its group', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 4)
    const group = `g-${topic}`
    const source = sourceOf(brokers, topic, {
      group,
      limits: { eventBytes: 1000, batchBytes: 1e7, bufferBytes: 1e6, bufferRecords: 200 },
    })
    await source.open({}, never)
    const total = 12_000
    const dealtAnew = async (work: () => Promise<void>) => {
      const before = source.stats!().rebalances
      await work()
      await vi.waitUntil(() => source.stats!().rebalances > before, { timeout: 30_000 })
    }
    const upheaval = (async () => {
      await produce(brokers, topic, ids(0, 3000))
      await vi.waitUntil(() => source.stats!().records > 0, { timeout: 30_000 })
      for (let round = 0; round < 3; round += 1) {
        const other = kafkaClient(brokers).consumer({ groupId: group, maxWaitTimeInMs: 50 })
        await other.connect()
        await other.subscribe({ topics: [topic] })
        // One after the other: a join and a leave that come close together are one rebalance.
        await dealtAnew(async () =>
          other.run({ autoCommit: false, eachBatch: async () => undefined }),
        )
        await produce(brokers, topic, ids(3000 * (round + 1), 3000 * (round + 2)))
        await dealtAnew(async () => other.disconnect())
      }
    })()
    const records = await readSome(source, total, 120_000)
    await upheaval
    const more = await source.read({ records: 10, waitMs: 500 }, never)
    expectEachOnce([...records, ...more], ids(0, total))
    expectInOrder(records)
    expect(source.stats!().rebalances).toBeGreaterThanOrEqual(6)
    await source.close()
  }, 180_000)

  it('takes over where the checkpoint says, not where another member was or what it has committed', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 4)
    const group = `g-${topic}`
    await produce(brokers, topic, ids(0, 4000))
    const first = sourceOf(brokers, topic, { group })
    await first.open({}, never)
    const records = await readSome(first, 1500)
    await first.commit(positionsAfter(records))
    // Its last checkpoint is older than what it has read; it is still there when the next one joins.
    const saved = records.slice(0, 1000)
    const second = sourceOf(brokers, topic, { group })
    await second.open(positionsAfter(saved), never)
    const shared = await readSome(second, 1000)
    expect(first.stats!().rebalances).toBeGreaterThanOrEqual(1)
    expect(new Set(shared.map(({ partition }) => partition)).size).toBeLessThan(4)
    await first.close()
    const rest = await readSome(second, 4000 - saved.length - shared.length)
    await second.close()
    expectEachOnce([...saved, ...shared, ...rest], ids(0, 4000))
    expectInOrder([...saved, ...shared, ...rest])
  })

  it('commits nothing of a partition that was dealt to another member', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 2)
    const groupId = `g-${topic}`
    const both = (from: number) => [
      ...ids(from, from + 50).map((value) => ({ value, partition: 0 })),
      ...ids(from + 50, from + 100).map((value) => ({ value, partition: 1 })),
    ]
    await produce(brokers, topic, both(0))
    const first = sourceOf(brokers, topic, { group: groupId })
    await first.open({}, never)
    const records = await readSome(first, 100)
    const second = sourceOf(brokers, topic, { group: groupId })
    await second.open({}, never)
    const [one] = await readSome(second, 1)
    const theirs = Number(one!.partition.split('/')[1])
    await expect.poll(() => first.stats!().rebalances).toBeGreaterThan(0)
    // A batch of the new generation, so that it has a way to commit.
    await produce(brokers, topic, both(100))
    const more = await readSome(first, 50)
    await first.commit({ ...positionsAfter(records), ...positionsAfter(more) })
    const committed = async () => {
      const found = await administer(brokers, (admin) =>
        admin.fetchOffsets({ groupId, topics: [topic] }),
      )
      return new Map(found[0]!.partitions.map(({ partition, offset }) => [partition, offset]))
    }
    await expect.poll(async () => (await committed()).get(1 - theirs)).toBe('100')
    // The other member's own word, of where it began.
    await expect.poll(async () => (await committed()).get(theirs)).toBe('0')
    await Promise.all([first.close(), second.close()])
    expect((await committed()).get(theirs)).toBe('0')
  })

  it('says so while another member of its group keeps partitions from it', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const [topic, otherTopic] = [await makeTopic(brokers, 3), await makeTopic(brokers, 3)]
    const group = `g-${topic}`
    const more = { group, metadataMs: 1000 }
    const first = sourceOf(brokers, otherTopic, more)
    await first.open({}, never)
    await produce(brokers, otherTopic, ids(0, 30))
    await readSome(first, 30)
    const source = sourceOf(brokers, topic, more)
    await source.open({}, never)
    const codeNow = async () => {
      await source.lag()
      return source.stats!().code
    }
    await vi.waitUntil(async () => (await codeNow()) === 'GROUP_SHARED', { timeout: 90_000 })
    expect(source.stats!().message).toContain(`${group} was assigned ${topic}/`)
    await first.close()
    await produce(brokers, topic, ids(30, 60))
    expectEachOnce(await readSome(source, 30), ids(30, 60))
    await vi.waitUntil(async () => (await codeNow()) === undefined, { timeout: 30_000 })
    await source.close()
  })

  it('goes on by itself when the broker was killed and is back, as one does that was opened meanwhile', async (context) => {
    needsKafka(context)
    const broker = await kafkaForTest()
    const topic = await makeTopic(broker.brokers, 2)
    await produce(broker.brokers, topic, ids(0, 100))
    const source = sourceOf(broker.brokers, topic, { sessionMs: 6000 })
    await source.open({}, never)
    const before = await readSome(source, 50)
    const [letters, other] = [await makeTopic(broker.brokers), await makeTopic(broker.brokers)]
    await produce(broker.brokers, other, ['a'])
    const { brokers } = broker
    const sink = kafkaDeadLetterSink({ brokers, topic: letters, clock: systemClock, log: silent })
    await sink.write([letter('before')])
    await broker.kill()
    const writing = rejection(sink.write([letter('lost')]))
    // What was fetched is still handed out; then there is nothing, and no error.
    const meanwhile = await readSome(source, 1000, 5000)
    // The statistics say why.
    const codeNow = () => source.stats?.().code
    await expect.poll(codeNow, { timeout: 30_000 }).toBe('SOURCE_FAILED')
    expect(await source.lag()).toBe(100 - before.length - meanwhile.length)
    expect(await writing).toMatchObject({ code: 'SINK_FAILED', retriable: true })
    const late = sourceOf(brokers, other)
    await late.open({}, never)
    expect(await late.read({ records: 1, waitMs: 0 }, never)).toEqual([])
    const back = await startKafkaBroker({ folder: broker.folder })
    await expect.poll(() => writes(sink, letter('after')), { timeout: 30_000 }).toBe(true)
    await sink.close()
    await produce(back.brokers, topic, ids(100, 200))
    const after = await readSome(source, 200 - 50 - meanwhile.length)
    expectEachOnce([...before, ...meanwhile, ...after], ids(0, 200))
    expect(codeNow()).toBeUndefined()
    expect((await readSome(late, 1)).map(textOf)).toEqual(['a'])
    await Promise.all([source.close(), late.close()])
    await back.stop()
  }, 180_000)

  it('commits what the trainer has consumed, for others to see', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    const groupId = `g-${topic}`
    await produce(brokers, topic, ['a', 'b', 'c'])
    const source = sourceOf(brokers, topic, { group: groupId })
    await source.open({}, never)
    const records = await readSome(source, 3)
    await source.commit(positionsAfter(records.slice(0, 2)))
    await expect.poll(() => committed(brokers, groupId, topic)).toBe('2')
    await source.close()
    expect(await committed(brokers, groupId, topic)).toBe('2')
  })

  it('holds no more than its buffer and one fetch, however much there is', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 3000))
    const source = sourceOf(brokers, topic, {
      limits: { eventBytes: 1000, batchBytes: 1e7, bufferBytes: 1e6, bufferRecords: 10 },
    })
    await source.open({}, never)
    // Waits for room longer than it takes to be thrown out of the group without a heartbeat.
    await readSome(source, 1)
    const records = await readSome(source, 2999)
    expectEachOnce(records, ids(1, 3000))
    await source.close()
  })

  it('begins at the start of a partition that appears while it is open', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ['old'])
    const source = sourceOf(brokers, topic, { from: 'end', metadataMs: 300 })
    await source.open({}, never)
    await administer(brokers, async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
      // A producer that does not know of a partition yet throws away without a word what is for it.
      const leaders = async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
        return topics[0]!.partitions.filter(({ leader }) => leader >= 0).length
      }
      await expect.poll(leaders).toBe(2)
    })
    await produce(brokers, topic, [{ value: 'new', partition: 1 }])
    expect((await readSome(source, 1)).map(textOf)).toEqual(['new'])
    await source.close()
  })

  it('from the end on, skips what was there and nothing of what comes, also over a restart', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    const group = `g-${topic}`
    await produce(brokers, topic, ['old'])
    const source = sourceOf(brokers, topic, { from: 'end', group })
    await source.open({}, never)
    expect(await source.lag()).toBe(0)
    expect(await source.read({ records: 1, waitMs: 1500 }, never)).toEqual([])
    // It is in its group, and has told where it begins.
    await expect.poll(() => committed(brokers, group, topic)).toBe('1')
    await source.close()
    await produce(brokers, topic, ['while it was away'])
    const again = sourceOf(brokers, topic, { from: 'end', group })
    await again.open({}, never)
    expect((await readSome(again, 1)).map(textOf)).toEqual(['while it was away'])
    await again.close()
  })

  it('passes over what was aborted, and the marks of transactions', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    const producer = kafkaClient(brokers).producer({
      transactionalId: `tx-${topic}`,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    for (const [text, isKept] of [
      ['one', true],
      ['two', false],
      ['three', true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: text }] })
      await (isKept ? transaction.commit() : transaction.abort())
    }
    await producer.disconnect()
    const source = sourceOf(brokers, topic)
    await source.open({}, never)
    const records = await readSome(source, 2)
    expect(records.map(textOf)).toEqual(['one', 'three'])
    expect(records.map(({ position }) => position)).toEqual(['0', '4'])
    const more: SourceRecord[] = []
    const lagAfterRead = async () => {
      more.push(...(await source.read({ records: 1, waitMs: 500 }, never)))
      return source.lag()
    }
    await expect.poll(lagAfterRead).toBe(0)
    expect(more).toEqual([])
    await source.close()
  })
})

describe('a position that is not there any more', () => {
  it('is refused at open, whether it was removed or is behind the end', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 10))
    await removeBefore(brokers, topic, 5)
    for (const position of ['4', '11', 'x']) {
      const error = await rejection(
        sourceOf(brokers, topic, { onReset: 'stop' }).open({ [`${topic}/0`]: position }, never),
      )
      expect(error).toMatchObject({ code: 'SOURCE_MISSING', retriable: false })
    }
    const source = sourceOf(brokers, topic)
    await source.open({ [`${topic}/0`]: '5' }, never)
    expect((await readSome(source, 5)).map(textOf)).toEqual(ids(5, 10))
    await source.close()
  })

  it('is refused by the next read when it goes while the source is open', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 10))
    const source = sourceOf(brokers, topic, {
      onReset: 'stop',
      limits: { eventBytes: 99, batchBytes: 1e6, bufferBytes: 1e6, bufferRecords: 1 },
    })
    await source.open({}, never)
    await readSome(source, 2)
    await makeTopicAgain(brokers, topic)
    const error = await rejection(
      (async () => {
        for (let tries = 0; tries < 60; tries += 1) {
          await source.read({ records: 1, waitMs: 300 }, never)
          await source.lag()
        }
      })(),
    )
    expect(error.code).toBe('SOURCE_MISSING')
    await source.close()
  })

  it('is exchanged for the start of a topic that was created again, and what is lost is counted', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 400))
    const warned: string[] = []
    const log = {
      ...silent,
      child: () => log,
      warn: (_: object, text: string) => warned.push(text),
    }
    const source = sourceOf(brokers, topic, {
      log,
      limits: { eventBytes: 99, batchBytes: 1e6, bufferBytes: 1e6, bufferRecords: 10 },
    })
    await source.open({}, never)
    await readSome(source, 100)
    await source.lag()
    await makeTopicAgain(brokers, topic)
    await produce(brokers, topic, ids(400, 700))
    const read = new Set<string>()
    const [last] = ids(699, 700)
    while (!read.has(last!)) {
      for (const record of await source.read({ records: 50, waitMs: 300 }, never))
        read.add(textOf(record))
      await source.lag()
    }
    expect(ids(400, 700).filter((id) => !read.has(id))).toEqual([])
    const { missing = 0, lastReset } = source.stats?.() ?? {}
    expect(missing).toBe(300 - ids(100, 400).filter((id) => read.has(id)).length)
    expect(lastReset).toMatchObject({ partition: `${topic}/0`, missing })
    expect(warned.join()).toContain('deleted and created again')
    await source.close()
  })

  it('is gone where the topic was created again with fewer partitions, and the others are read', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 3)
    await produce(brokers, topic, ids(0, 30))
    const source = sourceOf(brokers, topic)
    await source.open({}, never)
    const before = await readSome(source, 30)
    await makeTopicAgain(brokers, topic)
    await produce(brokers, topic, ids(30, 40))
    expectEachOnce(await readSome(source, 10), ids(30, 40))
    await source.close()
    const restarted = sourceOf(brokers, topic)
    await restarted.open(positionsAfter(before), never)
    expectEachOnce(await readSome(restarted, 10), ids(30, 40))
    expect(await restarted.lag()).toBe(0)
    await restarted.close()
  })

  it('goes on at the end where the config says so', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 3))
    const first = sourceOf(brokers, topic)
    await first.open({}, never)
    const positions = positionsAfter(await readSome(first, 3))
    await first.close()
    await makeTopicAgain(brokers, topic)
    await produce(brokers, topic, ids(3, 9))
    const source = sourceOf(brokers, topic, { onReset: 'end' })
    await source.open(positions, never)
    await produce(brokers, topic, ['new'])
    expect((await readSome(source, 1)).map(textOf)).toEqual(['new'])
    await source.close()
  })

  it('is skipped where the config says so, to the start of what is left', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    await produce(brokers, topic, ids(0, 10))
    await removeBefore(brokers, topic, 8)
    const source = sourceOf(brokers, topic, { onLost: 'skip' })
    await source.open({ [`${topic}/0`]: '2' }, never)
    expect((await readSome(source, 2)).map(textOf)).toEqual(ids(8, 10))
    await source.close()
  })
})

it('a topic that does not exist is waited for', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const topic = randomTopic()
  const source = sourceOf(brokers, topic)
  await source.open({}, never)
  expect(await source.read({ records: 1, waitMs: 0 }, never)).toEqual([])
  await administer(brokers, (admin) => createTopics(admin, [{ topic }]))
  await produce(brokers, topic, ['a'])
  expect((await readSome(source, 1)).map(textOf)).toEqual(['a'])
  await source.close()
})

it('closed on its way into the group, it does not stay there', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  const group = `g-${topic}`
  await produce(brokers, topic, ids(0, 10))
  for (const afterMs of [0, 10, 30, 100, 300, 1000]) {
    const source = sourceOf(brokers, topic, { group })
    await source.open({}, never)
    await systemClock.sleep(afterMs)
    await source.close()
  }
  const last = sourceOf(brokers, topic, { group })
  await last.open({}, never)
  expectEachOnce(await readSome(last, 10), ids(0, 10))
  // One that was closed in the midst of joining is let in first, and leaves then.
  const members = async () => {
    const { groups } = await administer(brokers, (admin) => admin.describeGroups([group]))
    return groups[0]?.members.length
  }
  await expect.poll(members).toBe(1)
  await last.close()
}, 180_000)
