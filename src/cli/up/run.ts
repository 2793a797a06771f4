/**
 * A fleet on this machine, for development: broker, Redis and replicas as separate processes, stopped together in
 * reverse order, so that every replica can still save and leave the fleet.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { stringify } from 'yaml'
import { loadConfig } from '../../config/config.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import { openLifecycle, type Lifecycle } from '../../platform/lifecycle.ts'
import { openLog } from '../../platform/log.ts'
import { lockDataFolder } from '../../platform/store/data-folder.ts'
import { print } from '../print.ts'
import { startKafkaBroker } from '../services/kafka-broker.ts'
import { kafkaIsInstalled } from '../services/kafka-java.ts'
import { redisServerVersion, startRedisServer } from '../services/redis-server.ts'
import { startReplica, type Replica } from '../services/replica.ts'
import { topicsOf, upConfig, type UpPlaces } from './configs.ts'
import { makeTopics } from './topics.ts'

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
    const replicas = await startReplicas(flags, places, lifecycle)
    tell(flags, places, replicas)
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

async function startServices(flags: UpFlags, lifecycle: Lifecycle): Promise<UpPlaces> {
  const folder = resolve(flags.folder)
  const place = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  const keep = ['--appendonly', 'yes', '--maxmemory-policy', 'noeviction']
  const redis = await startRedisServer({ folder: place('redis'), args: keep, ownGroup: true })
  lifecycle.onStop('redis', async () => redis.stop())
  say('up', `redis at ${redis.url}`)
  const places = { folder, port: flags.port, redisUrl: redis.url }
  if (!flags.kafka) return places
  const kafka = await startKafkaBroker({ folder: place('kafka'), ownGroup: true })
  lifecycle.onStop('kafka', async () => kafka.stop())
  say('up', `kafka at ${kafka.brokers.join(',')}`)
  return { ...places, brokers: kafka.brokers }
}

/** One after the other: each start takes a core for a second or two. */
async function startReplicas(
  flags: UpFlags,
  places: UpPlaces,
  lifecycle: Lifecycle,
): Promise<readonly Replica[]> {
  const given =
    flags.config === undefined ? undefined : loadConfig(flags.config, { environment: process.env })
  const replicas: Replica[] = []
  lifecycle.onStop('replicas', async () => {
    await Promise.all(replicas.map(async (replica) => replica.stop()))
  })
  for (let number = 1; number <= flags.replicas; number += 1) {
    const config = upConfig(number, places, given)
    if (number === 1 && places.brokers !== undefined)
      await makeTopics(places.brokers, topicsOf(config))
    const name = `replica-${number}`
    const configFile = join(places.folder, `${name}.yaml`)
    writeFileSync(configFile, stringify(config))
    const onLine = (line: string) => say(name, line)
    const replica = await startReplica({ name, configFile, onLine, ownGroup: true })
    void replica.ended.then((how) => say(name, `ended: ${how}`))
    say('up', `${name} at ${replica.url}`)
    replicas.push(replica)
  }
  return replicas
}

function tell(flags: UpFlags, places: UpPlaces, replicas: readonly Replica[]): void {
  const { folder, redisUrl, brokers = [] } = places
  const told = {
    folder,
    redis: redisUrl,
    brokers,
    replicas: replicas.map(({ name, url, pid }) => ({ name, url, pid })),
    pid: process.pid,
  }
  print(flags.json, told, () => [
    `redis    ${redisUrl}`,
    ...(brokers.length > 0 ? [`kafka    ${brokers.join(',')}`] : []),
    ...replicas.map(({ name, url }) => `${name}  ${url}  (${url}/docs)`),
    `files    ${folder}`,
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
