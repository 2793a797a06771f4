/**
 * The replicas of `up`. One that ends by itself, such as one that was killed, is started again at its address, and the
 * output says why it ended.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startReplica, type Replica } from '../services/replica.ts'

export interface ReplicaPlan {
  readonly name: string
  /** Writes its configuration for this port and returns the file. 0 = any free port. */
  readonly configFile: (port: number) => string
  readonly port: number
  /** A line of its log, or about it. */
  readonly say: (line: string) => void
}

/** A crash loop must not take both cores; one that ran this long is not in a loop. */
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 30_000
const STABLE_MS = 60_000

export class SupervisedReplica {
  readonly name: string
  readonly url: string
  readonly #plan: ReplicaPlan
  readonly #stopped = new AbortController()
  readonly #supervision: Promise<void>
  #running: Replica

  private constructor(plan: ReplicaPlan, first: Replica) {
    this.name = plan.name
    this.url = first.url
    this.#plan = plan
    this.#running = first
    this.#supervision = this.#supervise()
  }

  /** Rejects when the first start fails: a fault of the configuration is not repeated. */
  static async start(plan: ReplicaPlan): Promise<SupervisedReplica> {
    return new SupervisedReplica(plan, await start(plan, plan.port))
  }

  get pid(): number {
    return this.#running.pid
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running.stop()
    await this.#supervision
  }

  async #supervise(): Promise<void> {
    let delayMs = FIRST_DELAY_MS
    let startedMs = performance.now()
    let how = await this.#running.ended
    while (!this.#isStopping()) {
      if (performance.now() - startedMs > STABLE_MS) delayMs = FIRST_DELAY_MS
      this.#plan.say(`ended: ${how}; it starts again in ${delayMs / 1000} s`)
      await this.#rest(delayMs)
      if (this.#isStopping()) return
      startedMs = performance.now()
      how = await this.#run()
      delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)
    }
  }

  #isStopping(): boolean {
    return this.#stopped.signal.aborted
  }

  async #rest(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined)
  }

  /** Starts it at its old address; returns how it ended, or why it could not start. */
  async #run(): Promise<number | string> {
    try {
      this.#running = await start(this.#plan, Number(new URL(this.url).port))
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    if (this.#isStopping()) await this.#running.stop()
    else this.#plan.say(`runs again at ${this.url}`)
    return this.#running.ended
  }
}

function start({ name, configFile, say }: ReplicaPlan, port: number): Promise<Replica> {
  return startReplica({ name, configFile: configFile(port), onLine: say, ownGroup: true })
}
