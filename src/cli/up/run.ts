/**
 * A fleet on this machine, for development: broker, Redis and replicas as separate processes, stopped together in
 * reverse order, so that every replica can still save and leave the fleet.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { stringify } from 'yaml'
import { loadConfig, type Config } from '../../config/config.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import { openLifecycle, type Lifecycle } from '../../platform/lifecycle.ts'
import { openLog } from '../../platform/log.ts'
import { lockDataFolder } from '../../platform/store/data-folder.ts'
import { print } from '../print.ts'
import { ifFree } from '../services/own-process.ts'
import { startKafkaBroker, makeTopics } from '../services/kafka-broker.ts'
import { kafkaIsInstalled } from '../services/kafka-java.ts'
import { redisServerVersion, startRedisServer } from '../services/redis-server.ts'
import { replicaPort, topicReaders, topicsOf, upConfig, type UpPlaces } from './configs.ts'
import { SupervisedReplica } from '../services/replica.ts'

export interface UpFlags {
  readonly config?: string
  readonly folder: string
  readonly port: number
  readonly replicas: number
  /** False with --no-kafka. */
  readonly kafka: boolean
  readonly json?: boolean
}

/** The deadlines of a replica and of the broker. */
const DEADLINE_MS = 45_000

export async function up(flags: UpFlags): Promise<void> {
  checkServices(flags)
  const log = openLog({ level: 'warn', format: 'auto', secrets: [] })
  const lifecycle = openLifecycle({ log, deadlineMs: DEADLINE_MS })
  // The terminal was closed.
  process.once('SIGHUP', () => void lifecycle.stop('SIGHUP').then((code) => process.exit(code)))
  try {
    await lockFolder(flags, lifecycle)
    const places = await startServices(flags, lifecycle)
    const given =
      flags.config === undefined
        ? undefined
        : loadConfig(flags.config, { environment: process.env })
    const replicas = await startReplicas(flags.replicas, places, lifecycle, given)
    announce(flags.json, places, replicas, topicReaders(places, given))
  } catch (error) {
    await lifecycle.stop('it could not start')
    throw error
  }
}

function checkServices({ kafka }: UpFlags): void {
  if (redisServerVersion() === undefined)
    throw failure('SERVICE_MISSING', 'redis-server is not installed', {
      details: { service: 'redis' },
    })
  if (kafka && !kafkaIsInstalled())
    throw failure('SERVICE_MISSING', 'no Kafka broker is installed: npm run up brings it', {
      details: { service: 'kafka' },
    })
}

/** A second Redis on the same folder would write into the file of the first. */
async function lockFolder({ folder }: UpFlags, lifecycle: Lifecycle): Promise<void> {
  const release = await lockDataFolder(resolve(folder), ['up.lock'], systemClock)
  lifecycle.onStop('lock', release)
}

/** Where clients look for them by default. */
const REDIS_PORT = 6379
const KAFKA_PORT = 9092

async function startServices(flags: UpFlags, lifecycle: Lifecycle): Promise<UpPlaces> {
  const folder = resolve(flags.folder)
  const place = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  // Without its usual port, Redis gets any free one, and the broker that of its last start. With --port 0 both do.
  const usual = async (port: number) => {
    const free = flags.port === 0 ? undefined : await ifFree(port)
    return { ownGroup: true, ...(free !== undefined && { port: free }) }
  }
  const keep = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']
  const redis = await startRedisServer({
    ...(await usual(REDIS_PORT)),
    folder: place('redis'),
    args: keep,
  })
  lifecycle.onStop('redis', async () => redis.stop())
  say('up', `redis at ${redis.url}`)
  const places = { folder, port: flags.port, redisUrl: redis.url }
  if (!flags.kafka) return places
  const kafka = await startKafkaBroker({ ...(await usual(KAFKA_PORT)), folder: place('kafka') })
  lifecycle.onStop('kafka', async () => kafka.stop())
  say('up', `kafka at ${kafka.brokers.join(',')}`)
  return { ...places, brokers: kafka.brokers }
}

/** One after the other: each start takes a core for a second or two. */
async function startReplicas(
  count: number,
  places: UpPlaces,
  lifecycle: Lifecycle,
  given?: Config,
): Promise<readonly SupervisedReplica[]> {
  const replicas: SupervisedReplica[] = []
  lifecycle.onStop('replicas', async () => {
    await Promise.all(replicas.map(async (replica) => replica.stop()))
  })
  if (places.brokers !== undefined)
    await makeTopics(places.brokers, topicsOf(upConfig(1, places, given)))
  for (let number = 1; number <= count; number += 1) {
    const name = `replica-${number}`
    const replica = await SupervisedReplica.start({
      name,
      port: replicaPort(number, places),
      configFile(port) {
        const file = join(places.folder, `${name}.yaml`)
        writeFileSync(file, stringify(upConfig(number, places, given, port)))
        return file
      },
      say: (line) => say(name, line),
    })
    say('up', `${name} at ${replica.url}`)
    replicas.push(replica)
  }
  return replicas
}

function announce(
  json: boolean | undefined,
  { folder, redisUrl, brokers = [] }: UpPlaces,
  replicas: readonly SupervisedReplica[],
  readers: ReturnType<typeof topicReaders>,
): void {
  const summary = {
    folder,
    redis: redisUrl,
    brokers,
    topics: readers,
    replicas: replicas.map(({ name, url, pid }) => ({ name, url, pid })),
    pid: process.pid,
  }
  print(json, summary, () => [
    `redis      ${redisUrl}`,
    ...(brokers.length > 0 ? [`kafka      ${brokers.join(',')}`] : []),
    ...replicas.map(({ name, url }) => `${name}  ${url}  (${url}/docs)`),
    `files      ${folder}`,
    ...readers.flatMap(({ topic, model, command }) => [
      `topic      ${topic}, read by ${model}; send to it with`,
      `           ${command}`,
    ]),
    'Ctrl-C stops all of it; what was learned is there again at the next start.',
  ])
}

const COLOURS = ['cyan', 'magenta', 'yellow', 'green'] as const

function say(who: string, line: string): void {
  const number = Number(/\d+$/.exec(who)?.[0] ?? 0)
  const name = who.padEnd('replica-1'.length)
  const colour = COLOURS[number % COLOURS.length] ?? 'cyan'
  const prefix = process.stderr.isTTY ? styleText(colour, `${name} |`) : `${name} |`
  process.stderr.write(`${prefix} ${line}\n`)
}
