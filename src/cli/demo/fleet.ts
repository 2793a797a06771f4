/**
 * The demo's fleet: a broker, Redis and two replicas on this machine. Feedback arrives through a topic, requests go to
 * both replicas in turn, and the trainer that holds the lease of a model is killed on the way.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Delivery } from '../../../connectors/kafka/sink.ts'
import type { Clock, Json, Logger } from '../../contracts/core.ts'
import type { Lifecycle } from '../../platform/lifecycle.ts'
import { openClient } from '../../client/client.ts'
import { startKafkaBroker, makeTopics } from '../services/kafka-broker.ts'
import { startRedisServer } from '../services/redis-server.ts'
import { startReplica, type Replica } from '../services/replica.ts'
import { daemonAt, demoConfig, type DemoDaemon } from './daemon.ts'
import type { DemoProgress } from './progress.ts'

export interface DemoFleet {
  readonly urls: readonly string[]
  /** One replica for measurements; feedback goes to the topic. */
  readonly daemon: DemoDaemon
  /** Sends requests to the replicas in turn. */
  readonly asked: Pick<DemoDaemon, 'predict'>
  /** SIGKILL to the trainer process that holds the model's lease. */
  killTrainer(model: string): Promise<void>
  /** The result of the kill; undefined before. */
  killed(): Promise<KilledTrainer | undefined>
}

export interface KilledTrainer {
  readonly model: string
  readonly holder: string
  readonly epoch: number
  readonly holder_after: string
  readonly epoch_after: number
}

export interface FleetOptions {
  readonly folder: string
  readonly seed: number
  readonly port: number
  readonly clock: Clock
  readonly log: Logger
  readonly progress: DemoProgress
  readonly lifecycle: Lifecycle
}

const TOPIC = 'feedback'
const REPLICAS = [1, 2]
const READY_POLL_MS = 100

export async function startFleet(options: FleetOptions): Promise<DemoFleet> {
  const { lifecycle, progress, clock, log } = options
  progress.say('starting Redis, a Kafka broker, and two replicas of the daemon')
  const place = (name: string) => {
    mkdirSync(join(options.folder, name), { recursive: true })
    return join(options.folder, name)
  }
  const redis = await startRedisServer({ folder: place('redis'), ownGroup: true })
  lifecycle.onStop('redis', async () => redis.stop())
  const kafka = await startKafkaBroker({ folder: place('kafka'), ownGroup: true })
  lifecycle.onStop('kafka', async () => kafka.stop())
  const { brokers } = kafka
  await makeTopics(brokers, [TOPIC])
  const replicas: Replica[] = []
  lifecycle.onStop('replicas', async () => {
    await Promise.all(replicas.map(async (replica) => replica.stop()))
  })
  for (const number of REPLICAS) {
    const name = `replica-${number}`
    const sources = [{ kafka: { brokers, topics: [TOPIC] } }]
    const port = options.port === 0 ? 0 : options.port + number - 1
    const config = demoConfig(place(name), port, options.seed, sources)
    const configFile = join(options.folder, `${name}.json`)
    const shared = { ...config, replica: name, redis: { url: redis.url } }
    writeFileSync(configFile, JSON.stringify(shared))
    const logFile = join(options.folder, `${name}.log`)
    const onLine = (line: string) => appendFileSync(logFile, `${line}\n`)
    replicas.push(await startReplica({ name, configFile, onLine, ownGroup: true }))
  }
  await Promise.all(replicas.map(async ({ url }) => untilReady(url, clock)))
  const delivery = new Delivery({ brokers, topic: TOPIC, clock, log })
  lifecycle.onStop('producer', async () => delivery.close())
  return fleetOf(replicas, delivery, clock)
}

async function untilReady(url: string, clock: Clock): Promise<void> {
  while (!(await isReady(url))) await clock.sleep(READY_POLL_MS)
}

async function isReady(url: string): Promise<boolean> {
  const client = openClient({ url })
  return client.http('GET', '/readyz').then(
    () => true,
    () => false,
  )
}

function fleetOf(replicas: readonly Replica[], delivery: Delivery, clock: Clock): DemoFleet {
  const daemons = replicas.map(({ url }) => daemonAt(url))
  const [first] = daemons
  if (first === undefined) throw new Error('a fleet without replicas')
  let turn = 0
  let victim: Omit<KilledTrainer, 'holder_after' | 'epoch_after'> | undefined
  return {
    urls: replicas.map(({ url }) => url),
    daemon: { ...first, feedback: (model, events) => produce(delivery, clock, model, events) },
    asked: {
      predict: async (model, texts) => {
        turn += 1
        return (daemons[turn % daemons.length] ?? first).predict(model, texts)
      },
    },
    async killTrainer(model) {
      const lease = await leaseOf(replicas, model)
      const holder = replicas.find(({ name }) => name === lease?.holder)
      if (lease === undefined || holder === undefined) return
      const { trainer } = await daemonAt(holder.url).status('sentiment')
      if (trainer.pid === undefined) return
      victim = { model, ...lease }
      process.kill(trainer.pid, 'SIGKILL')
    },
    async killed() {
      const after = await leaseOf(replicas, victim?.model ?? '')
      if (victim === undefined || after === undefined) return undefined
      return { ...victim, holder_after: after.holder, epoch_after: after.epoch }
    },
  }
}

/** The same events as over HTTP. The message key is the model, so that its events stay in order. */
async function produce(
  delivery: Delivery,
  clock: Clock,
  model: string,
  events: readonly Json[],
): Promise<{ readonly accepted: number; readonly rejected: readonly Json[] }> {
  const timeMs = clock.nowMs()
  const messages = events.map((event) => {
    const value = Buffer.from(JSON.stringify({ ...(event as object), model }))
    return { key: model, value, headers: {}, timeMs }
  })
  await delivery.send(messages)
  return { accepted: messages.length, rejected: [] }
}

async function leaseOf(replicas: readonly Replica[], model: string) {
  for (const { url } of replicas) {
    const fleet = await openClient({ url }).fleet()
    const lease = fleet.models.find((each) => each.model === model)?.lease
    if (lease) return { holder: lease.holder, epoch: lease.epoch }
  }
  return undefined
}
