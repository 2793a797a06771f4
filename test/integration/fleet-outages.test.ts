/** The broker away, Redis away, empty or set back: every replica goes on answering, and nothing is lost or doubled. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startKafkaBroker } from '../../src/cli/services/kafka-broker.ts'
import { kafkaForTest, makeTopic, needsKafka, produce, sharedKafka } from '../services/kafka.ts'
import {
  ask,
  detach,
  failOver,
  needsRedis,
  redisForTest,
  restartRedis,
  startReplica,
} from '../services/redis.ts'
import { latestOf } from './fleet-state.ts'
import { acceptedBy, Fleet, isFull, lessons, sleep, startAsking, until } from './fleet-world.ts'

const BATCH = isFull ? 1000 : 400
const BROKER_AWAY_MS = isFull ? [15_000, 60_000] : [5000]
const REDIS_AWAY_MS = isFull ? 60_000 : 8000
// What was promised is asked of quiet cores, where the full faults are run; in the usual run they are shared with other tests.
const BACK_WITHIN_MS = isFull ? 45_000 : 120_000
/** A lease that was lost has to end first. */
const AGREE_WITHIN_MS = (isFull ? 5000 : 45_000) + 2000
const REPLICAS = ['a', 'b']

const timeout = { timeout: isFull ? 600_000 : 240_000 }

/** What the numbers of the README are taken from. */
function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function generations(fleet: Fleet): Promise<readonly (string | null)[]> {
  const statuses = await Promise.all(fleet.names.map(async (name) => fleet.status(name)))
  return statuses.map(({ live }) => live && `${live.version} ${live.generation}`)
}

async function generation(fleet: Fleet): Promise<number> {
  const statuses = await Promise.all(fleet.names.map(async (name) => fleet.status(name)))
  return Math.max(...statuses.map(({ live }) => live?.generation ?? 0))
}

async function agree(fleet: Fleet): Promise<boolean> {
  const [first, ...others] = await generations(fleet)
  return typeof first === 'string' && others.every((each) => each === first)
}

async function startedFleet(options: ConstructorParameters<typeof Fleet>[0]): Promise<Fleet> {
  const fleet = new Fleet(options)
  for (const name of REPLICAS) await fleet.start(name)
  await until(async () => agree(fleet))
  return fleet
}

/** Everything was learned once, by the learner's own list. */
function expectOnce(fleet: Fleet, count: number): void {
  const { ids } = latestOf(REPLICAS.map((name) => join(fleet.folder, name)))
  expect(ids).toEqual({ count, distinct: count })
}

test('a broker that is killed and comes back', timeout, async (context) => {
  needsKafka(context)
  needsRedis(context)
  const broker = await kafkaForTest()
  const { brokers, folder, port } = broker
  const topic = await makeTopic(brokers)
  const { url: redisUrl } = await redisForTest()
  const fleet = await startedFleet({ brokers, topics: [topic], redisUrl })
  const asking = startAsking(fleet)
  let sent = BATCH
  await produce(brokers, topic, lessons(BATCH))
  await until(async () => (await acceptedBy(fleet)) >= BATCH / 4)
  let running = broker
  for (const awayMs of BROKER_AWAY_MS) {
    await running.kill()
    await sleep(awayMs)
    running = await startKafkaBroker({ folder, port })
    const backMs = performance.now()
    await produce(brokers, topic, lessons(BATCH, sent))
    sent += BATCH
    await until(async () => (await acceptedBy(fleet)) >= sent)
    const consumingMs = performance.now() - backMs
    tell(`broker away ${awayMs} ms: all of it consumed ${Math.round(consumingMs)} ms later`)
    expect(consumingMs).toBeLessThan(BACK_WITHIN_MS)
  }
  const { answered, failures } = await asking.stop()
  expect(failures.slice(0, 5)).toEqual([])
  expect(answered).toBeGreaterThan(100)
  await fleet.stop()
  await running.stop()
  expectOnce(fleet, sent)
})

test('Redis killed, emptied, and replaced by a replica that lags', timeout, async (context) => {
  needsKafka(context)
  needsRedis(context)
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  let redis = await redisForTest()
  const fleet = await startedFleet({ brokers, topics: [topic], redisUrl: redis.url })
  const asking = startAsking(fleet)
  let sent = 0
  const more = async () => {
    await produce(brokers, topic, lessons(BATCH, sent))
    sent += BATCH
  }
  /** Everything is learned, and every replica answers with a version that the trouble came before. */
  const settled = async (what: string, before = 0) => {
    const fromMs = performance.now()
    await until(async () => (await agree(fleet)) && (await generation(fleet)) > before)
    const agreedMs = performance.now() - fromMs
    tell(`${what}: the replicas agreed on a later version ${Math.round(agreedMs)} ms after`)
    await until(async () => (await acceptedBy(fleet)) >= sent && (await agree(fleet)))
    return agreedMs
  }
  await more()
  await settled('at first')

  await redis.kill()
  const killed = await generation(fleet)
  await more()
  await sleep(REDIS_AWAY_MS)
  redis = await restartRedis(redis)
  expect(await settled('Redis killed and empty', killed)).toBeLessThan(AGREE_WITHIN_MS)

  await ask(redis.url, async (client) => client.flushall())
  const flushed = await generation(fleet)
  await more()
  expect(await settled('FLUSHALL', flushed)).toBeLessThan(AGREE_WITHIN_MS)

  const replica = await startReplica(redis)
  await detach(replica)
  await more()
  await until(async () => (await acceptedBy(fleet)) >= sent)
  redis = await failOver(redis, replica)
  const failedOver = await generation(fleet)
  await more()
  expect(await settled('failover to a stale replica', failedOver)).toBeLessThan(AGREE_WITHIN_MS)

  const { answered, failures } = await asking.stop()
  expect(failures.slice(0, 5)).toEqual([])
  expect(answered).toBeGreaterThan(100)
  await fleet.stop()
  await redis.stop()
  expectOnce(fleet, sent)
})
