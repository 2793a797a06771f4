/**
 * A real Kafka broker on this machine's loopback: one node that is its own controller, in a child process with a
 * separate folder, for development, the demo and the tests. Restarted on the same folder it has the same data. It ends
 * with the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  existsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, type Admin, type ITopicConfig } from 'kafkajs'
import { classArchive, classPath, format, heap, log4j } from './kafka-java.ts'
import { OwnProcess, freePort } from './own-process.ts'

/**
 * `server.properties` of a local broker: one node, replication factor one, no waiting for a second broker.
 */
interface Layout {
  readonly file: string
  readonly port: number
  /** `host:port` of each further listener, by its name. */
  readonly listeners: Readonly<Record<string, string>>
}

interface BrokerSettings {
  readonly port?: number
  readonly listeners?: Readonly<Record<string, string>>
  readonly properties?: Readonly<Record<string, string>>
}

const host = '127.0.0.1'

/** A used folder keeps its ports, so that clients find the broker again. */
async function layOut(folder: string, wanted: BrokerSettings): Promise<Layout> {
  const file = join(folder, 'server.properties')
  const before = portsIn(file)
  const more = Object.keys(wanted.listeners ?? {})
  const portOf = async (name: string) => before[name] ?? (await freePort())
  const port = wanted.port ?? (await portOf('PLAINTEXT'))
  const controller = await portOf('CONTROLLER')
  const others: Record<string, number> = {}
  for (const name of more) others[name] = await portOf(name)
  const listening = { PLAINTEXT: port, ...others }
  const properties = {
    ...usual(folder, listening, controller, wanted.listeners ?? {}),
    ...wanted.properties,
  }
  writeFileSync(file, linesOf(properties))
  const listeners = Object.entries(others).map(([name, of]) => [name, `${host}:${of}`])
  return { file, port, listeners: Object.fromEntries(listeners) as Record<string, string> }
}

function usual(
  folder: string,
  listening: Readonly<Record<string, number>>,
  controller: number,
  protocols: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const urls = Object.entries(listening).map(([name, port]) => `${name}://${host}:${port}`)
  const map = { PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT', ...protocols }
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: [...urls, `CONTROLLER://${host}:${controller}`].join(','),
    'advertised.listeners': urls.join(','),
    'listener.security.protocol.map': Object.entries(map)
      .map((pair) => pair.join(':'))
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.bootstrap.servers': `${host}:${controller}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'num.partitions': '1',
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A killed broker is considered alive until this has passed, and cannot join before.
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '2000',
  }
}

function portsIn(file: string): Readonly<Record<string, number>> {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const line = /^listeners=(.*)$/m.exec(text)?.[1] ?? ''
  const found = [...line.matchAll(/(\w+):\/\/[\d.]+:(\d+)/g)]
  return Object.fromEntries(found.map(([, name = '', port]) => [name, Number(port)]))
}

function linesOf(properties: Readonly<Record<string, string>>): string {
  const escaped = (value: string) => value.replaceAll('\\', '\\\\')
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${escaped(value)}\n`)
    .join('')
}

export interface KafkaBroker {
  /** `host:port` of the plain listener, for a client's `brokers`. */
  readonly brokers: readonly string[]
  readonly port: number
  /** `host:port` of each further listener, by its name. */
  readonly listeners: Readonly<Record<string, string>>
  readonly pid: number
  readonly folder: string
  /** Stops it cleanly; idempotent. A temporary folder is removed. */
  stop(): Promise<void>
  /** SIGKILL, like a crash. The folder stays, so that a broker can be restarted in it. */
  kill(): Promise<void>
}

export interface KafkaBrokerOptions {
  /** The folder of its log; absent = a temporary folder, removed by `stop`. */
  readonly folder?: string
  /** Absent = the previous port of this folder, or a free one. */
  readonly port?: number
  /** More listeners, name → protocol, e.g. `{ SECURE: 'SASL_SSL' }`; each on a free port. */
  readonly listeners?: Readonly<Record<string, string>>
  /** Lines of `server.properties` that override ours. */
  readonly properties?: Readonly<Record<string, string>>
  /** Additional arguments of StorageTool, such as `['--add-scram', '…']`. */
  readonly formatArgs?: readonly string[]
  readonly readyMs?: number
  /** Not reached by the terminal's Ctrl-C: its starter decides when it ends. */
  readonly ownGroup?: boolean
}

const READY_MS = 60_000

export async function startKafkaBroker(options: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'antikythera-kafka-'))
  mkdirSync(folder, { recursive: true })
  const layout = await layOut(folder, options)
  await format(layout.file, folder, options.formatArgs ?? [])
  const remove = () => {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }
  const broker = new LocalKafka(
    spawnBroker(layout, folder, options.ownGroup ?? false),
    layout,
    folder,
    remove,
  )
  try {
    await broker.ready(options.readyMs ?? READY_MS)
    return broker
  } catch (error) {
    await broker.kill()
    remove()
    throw error
  }
}

class LocalKafka implements KafkaBroker {
  readonly brokers: readonly string[]
  readonly port: number
  readonly listeners: Readonly<Record<string, string>>
  readonly pid: number
  readonly folder: string
  readonly #process: OwnProcess
  readonly #remove: () => void

  constructor(child: ChildProcess, layout: Layout, folder: string, remove: () => void) {
    this.brokers = [`127.0.0.1:${layout.port}`]
    this.port = layout.port
    this.listeners = layout.listeners
    this.folder = folder
    this.#process = new OwnProcess(child)
    this.pid = this.#process.pid
    this.#remove = remove
  }

  /** Resolves when it answers as a complete cluster; rejects with its output if it ends before. */
  async ready(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    while (!(await answers(this.brokers))) {
      const { hasEnded, fault } = this.#process
      if (hasEnded)
        throw new Error(`Kafka did not start: ${fault?.message ?? lastWords(this.folder)}`)
      if (performance.now() > untilMs)
        throw new Error(`Kafka is not ready after ${withinMs} ms: ${lastWords(this.folder)}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM')
    this.#remove()
  }

  kill(): Promise<void> {
    return this.#process.end('SIGKILL')
  }
}

function spawnBroker({ file }: Layout, folder: string, detached: boolean): ChildProcess {
  const log = openSync(logFile(folder), 'a')
  try {
    const archive = classArchive('broker')
    const args = [...heap, ...archive.args, log4j(folder), '-cp', classPath(), 'kafka.Kafka', file]
    const child = spawn('java', args, { cwd: folder, stdio: ['ignore', log, log], detached })
    return child.once('exit', (_code, signal) => archive.ended(signal === null))
  } finally {
    closeSync(log)
  }
}

async function answers(brokers: readonly string[]): Promise<boolean> {
  const admin = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2000,
    retry: { retries: 0 },
  }).admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length > 0
  } catch {
    return false
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

const logFile = (folder: string) => join(folder, 'broker.log')

function lastWords(folder: string): string {
  return readFileSync(logFile(folder), 'utf8').trim().slice(-2000)
}

/**
 * Creates missing topics: a source waits for its topic, and nothing else on this machine would create it.
 */

/**
 * Creates topics and waits until they have leaders. kafkajs's own waiting fails when a broker does not know the topic
 * yet, which is common just after a start.
 */
const LONGEST_MS = 30_000
const AGAIN_MS = 50

/** Existing topics stay unchanged. */
export async function createTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics: [...topics], waitForLeaders: false })
  const names = topics.map(({ topic }) => topic)
  const untilMs = performance.now() + LONGEST_MS
  for (;;) {
    const failure = await whyNotReady(admin, names)
    if (failure === undefined) return
    if (performance.now() > untilMs) throw failure
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

async function whyNotReady(admin: Admin, topics: string[]): Promise<Error | undefined> {
  try {
    const found = await admin.fetchTopicMetadata({ topics })
    const leaders = found.topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
    return leaders.every((leader) => leader >= 0)
      ? undefined
      : new Error('partitions have no leader')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const PARTITIONS = 6

export async function makeTopics(
  brokers: readonly string[],
  topics: readonly string[],
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await createTopics(
      admin,
      topics.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
    )
  } finally {
    await admin.disconnect()
  }
}
