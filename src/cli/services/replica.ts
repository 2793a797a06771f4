/**
 * A daemon as a child process on this machine: `serve` with a configuration file, its log passed on line by line. For
 * development, the demo and the tests, which run several side by side. It ends with the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../contracts/core.ts'
import { entryUrl } from '../../platform/entry.ts'

export interface Replica {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** Resolves with how it ended: its exit code, or the signal's name. */
  readonly ended: Promise<number | string>
  /** Stops it cleanly; idempotent. */
  stop(): Promise<void>
  /** SIGKILL, like a crash. */
  kill(): Promise<void>
}

interface ReplicaOptions {
  readonly name: string
  readonly configFile: string
  /** Additional arguments, such as `['--role', 'server']`. */
  readonly args?: readonly string[]
  /** Each line of its log. */
  readonly onLine: (line: string) => void
  /** Not reached by the terminal's Ctrl-C: its starter decides when it ends. */
  readonly ownGroup?: boolean
}

/** Resolves when it listens; rejects with its last output if it ends before. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { name, configFile, args = [], onLine, ownGroup = false } = options
  const program = fileURLToPath(entryUrl('src/cli/main.ts'))
  const words = [program, 'serve', '--config', configFile, '--json', ...args]
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
  })
  const ended = endOf(child)
  const onExit = () => child.kill('SIGKILL')
  process.on('exit', onExit)
  void ended.finally(() => process.off('exit', onExit))
  const lastWords: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastWords.push(line)
    lastWords.splice(0, lastWords.length - 5)
    onLine(line)
  })
  const { url } = await Promise.race([said(child), refused(name, ended, lastWords)])
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  return {
    ...{ name, url, pid: child.pid ?? 0, ended },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

function endOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'an unknown end'))
  })
}

/** Its first line on stdout is a JSON object with its address. */
function said(child: ChildProcess): Promise<{ readonly url: string }> {
  return new Promise((resolve) => {
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve(JSON.parse(line) as { url: string })
    })
  })
}

async function refused(
  name: string,
  ended: Promise<number | string>,
  lastWords: readonly string[],
): Promise<never> {
  const how = await ended
  const reason = reasonIn(lastWords.at(-1))
  if (reason !== undefined) throw new CodedError(reason.code, `${name}: ${reason.message}`, reason)
  throw new Error(`${name} ended with ${how}: ${lastWords.join('\n')}`)
}

type Reason = Pick<CodedError, 'code' | 'message' | 'details' | 'fix'>

/** The refusal that `serve --json` ends with. */
function reasonIn(line = ''): Reason | undefined {
  try {
    return (JSON.parse(line) as { readonly error?: Reason }).error
  } catch {
    return undefined
  }
}

/**
 * The replicas of `up`. One that ends by itself, such as one that was killed, is started again at its address, and the
 * output says why it ended.
 */
interface ReplicaPlan {
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
