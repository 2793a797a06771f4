/** The fixture itself: what the tests of Kafka rest on. */
import { expect, test } from 'vitest'
import { startKafkaBroker } from '../../src/cli/services/kafka-broker.ts'
import { administer, kafkaForTest, makeTopic, needsKafka, produce, sharedKafka } from './kafka.ts'

test('all tests of a run share one broker', async (context) => {
  needsKafka(context)
  const [one, other] = await Promise.all([sharedKafka(), sharedKafka()])
  expect(other).toEqual(one)
  const topic = await makeTopic(one, 2)
  await produce(one, topic, ['a', 'b', 'c'])
  const offsets = await administer(one, (admin) => admin.fetchTopicOffsets(topic))
  expect(offsets.reduce((sum, { high }) => sum + Number(high), 0)).toBe(3)
})

test('a broker that was killed comes back on its port with what it had', async (context) => {
  needsKafka(context)
  const first = await kafkaForTest()
  const topic = await makeTopic(first.brokers)
  await produce(first.brokers, topic, ['kept'])
  await first.kill()
  const second = await startKafkaBroker({ folder: first.folder })
  expect(second.brokers).toEqual(first.brokers)
  const offsets = await administer(second.brokers, (admin) => admin.fetchTopicOffsets(topic))
  expect(offsets).toMatchObject([{ low: '0', high: '1' }])
  await second.stop()
})

test('a broker that cannot start says why', async (context) => {
  needsKafka(context)
  const properties = { 'log.retention.hours': 'many' }
  await expect(startKafkaBroker({ properties })).rejects.toThrow(/log.retention.hours/)
})
