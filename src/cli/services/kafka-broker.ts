/**
 * A real Kafka broker on this machine's loopback: one node that is its own controller, in a child process with a
 * separate folder, for development, the demo and the tests. Restarted on the same folder it has the same data. It ends
 * with the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { classArchive, classPath, format, heap, log4j } from './kafka-java.ts'
import { layOut, type Layout } from './kafka-properties.ts'
import { OwnProcess } from './own-process.ts'

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
