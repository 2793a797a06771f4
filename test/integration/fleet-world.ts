/**
 * A fleet of real processes on a real broker and a real Redis, for tests that break it: its daemons as child processes,
 * events of a small stream that can be learned, askers that never stop, and what all of it came to.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished, type TestContext } from 'vitest'
import { startReplica, type Replica } from '../../src/cli/services/replica.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { makeTopic, needsKafka, sharedKafka, type KafkaBroker } from '../services/kafka.ts'
import { needsRedis, redisForTest, type RedisServer } from '../services/redis.ts'

/** `ANTIKYTHERA_FAULTS=full`: the numbers of the README; otherwise what fits into every run of the tests. */
export const isFull = process.env.ANTIKYTHERA_FAULTS === 'full'

export interface FleetOptions {
  readonly brokers: readonly string[]
  readonly topics: readonly string[]
  /** Absent = one daemon by itself. */
  readonly redisUrl?: string
  readonly leaseMs?: number
  /** Pending events that start an update. */
  readonly every?: number
}

/** A new topic on the real broker of this run, an empty Redis, and these daemons on them. */
export async function startFleet(
  context: TestContext,
  names: readonly string[],
  options: Pick<FleetOptions, 'leaseMs' | 'every'> & { readonly partitions?: number } = {},
) {
  needsKafka(context)
  needsRedis(context)
  const brokers = await sharedKafka()
  const { partitions, ...rest } = options
  const topic = await makeTopic(brokers, partitions)
  const { url: redisUrl } = await redisForTest()
  const fleet = new Fleet({ brokers, topics: [topic], redisUrl, ...rest })
  for (const name of names) await fleet.start(name)
  return { fleet, brokers, topic }
}

export interface Status {
  readonly live: { readonly version: string; readonly generation: number } | null
  readonly trainer: { readonly state: string; readonly pid?: number }
  readonly lag: number
  readonly counts: {
    readonly accepted: number
    readonly duplicates: number
    readonly learned: number
    readonly rejected: number
  }
}

export interface FleetView {
  /** Redis could not be asked: what follows is what this daemon alone remembers. */
  readonly problem?: unknown
  readonly models: readonly {
    readonly lease: { readonly holder: string; readonly epoch: number } | null
  }[]
}

export class Fleet {
  readonly folder = scratchFolder()
  readonly #options: FleetOptions
  readonly #replicas = new Map<string, Replica>()
  #isOver = false

  constructor(options: FleetOptions) {
    this.#options = options
    onTestFinished(async () => this.stop())
  }

  get names(): readonly string[] {
    return [...this.#replicas.keys()].sort()
  }

  async start(name: string): Promise<void> {
    const folder = join(this.folder, name)
    mkdirSync(folder, { recursive: true })
    const configFile = join(this.folder, `${name}.json`)
    writeFileSync(configFile, JSON.stringify(configOf(this.#options, name, folder)))
    const onLine = (line: string) => appendFileSync(join(this.folder, `${name}.log`), `${line}\n`)
    this.#replicas.set(name, await startReplica({ name, configFile, onLine }))
  }

  pid(name: string): number {
    return this.#of(name).pid
  }

  async kill(name: string): Promise<void> {
    await this.#replicas.get(name)?.kill()
  }

  async stop(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await Promise.all([...this.#replicas.values()].map(async (replica) => replica.stop()))
  }

  async status(name: string): Promise<Status> {
    return (await this.#get(name, '/v1/models/m')) as Status
  }

  async view(name: string): Promise<FleetView> {
    return (await this.#get(name, '/v1/fleet')) as FleetView
  }

  async predict(name: string): Promise<number> {
    const response = await fetch(`${this.#url(name)}/v1/models/m/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ features: [1, 0, 0, 1] }] }),
    })
    await response.arrayBuffer()
    return response.status
  }

  log(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8')
  }

  async #get(name: string, path: string): Promise<unknown> {
    const response = await fetch(this.#url(name) + path)
    return response.json()
  }

  #url(name: string): string {
    return this.#of(name).url
  }

  #of(name: string): Replica {
    const replica = this.#replicas.get(name)
    if (replica === undefined) throw new Error(`no replica ${name}`)
    return replica
  }
}

function configOf(options: FleetOptions, name: string, folder: string): object {
  const { brokers, topics, redisUrl, leaseMs = 2000, every = 64 } = options
  const shared = redisUrl === undefined ? {} : { redis: { url: redisUrl } }
  return {
    ...{ data_dir: folder, replica: name, server: { port: 0 }, log: { level: 'info' } },
    ...shared,
    fleet: { lease_ms: leaseMs, copy_seconds: 1 },
    models: {
      m: {
        base: { features: { size: 4 } },
        labels: ['no', 'yes'],
        adapter: { method: 'head' },
        replay: { policy: 'reservoir', capacity: 200 },
        trigger: { policy: 'count', every, rest: 0 },
        keep: { last: 5, hourly: 0, daily: 0 },
        sources: [{ kafka: { brokers, topics, group: groupOf(topics) } }],
      },
    },
  }
}

/** Other fleets are on the same broker: each has a group of its own. */
export function groupOf(topics: readonly string[]): string {
  return `antikythera.${topics.join('.')}`
}

/** What the replica that has read most has accepted. */
export async function acceptedBy(fleet: Fleet): Promise<number> {
  const statuses = await Promise.all(fleet.names.map(async (name) => fleet.status(name)))
  return Math.max(...statuses.map(({ counts }) => counts.accepted))
}

/** Everything was read, and every update that is due was made: a daemon that is stopped before leaves its last one out. */
export async function hasLearned(
  fleet: Fleet,
  { events, every }: { readonly events: number; readonly every: number },
): Promise<boolean> {
  const statuses = await Promise.all(fleet.names.map(async (name) => fleet.status(name)))
  const due = events - (events % every)
  return statuses.some(({ counts }) => counts.accepted >= events && counts.learned >= due)
}

/** Features of which the first says the label, and the others nothing. */
export function lesson(number: number): string {
  const hash = createHash('sha256').update(String(number)).digest()
  const features = [0, 1, 2, 3].map((at) => hash[at]! / 128 - 1)
  const label = features[0]! > 0 ? 'yes' : 'no'
  return JSON.stringify({ id: `e-${number}`, source: 'test', input: { features }, label })
}

export function lessons(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => lesson(from + at))
}

/** Often enough to meet every gap of a swap or an outage; the pauses leave the cores to the fleet, and to other tests. */
const ASK_EVERY_MS = isFull ? 10 : 30

/** Asks every replica all the time, those that are `up`. */
export function startAsking(fleet: Fleet, isUp: (name: string) => boolean = () => true) {
  const stopped = new AbortController()
  const told = { answered: 0, failures: [] as string[] }
  const asking = (async () => {
    while (!stopped.signal.aborted) {
      for (const name of fleet.names.filter(isUp)) {
        const status = await fleet.predict(name).catch((error: unknown) => String(error))
        if (status === 200) told.answered += 1
        else if (isUp(name)) told.failures.push(`${name} ${status}`)
      }
      await sleep(ASK_EVERY_MS)
    }
  })()
  return {
    ...told,
    told,
    async stop() {
      stopped.abort()
      await asking
      return told
    },
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}

export async function until(truth: () => Promise<boolean> | boolean, everyMs = 100): Promise<void> {
  for (;;) {
    const isTrue = await Promise.resolve()
      .then(truth)
      .catch(() => false)
    if (isTrue) return
    await sleep(everyMs)
  }
}

export type { KafkaBroker, RedisServer }
