/**
 * A real Redis on this machine's loopback: a child process with a separate folder, for development, the demo and the
 * tests. It stores nothing on disk unless its arguments say so, and ends with the process that started it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OwnProcess, freePort } from './own-process.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly folder: string
  /** Stops it cleanly; idempotent. A temporary folder is removed. */
  stop(): Promise<void>
  /** SIGKILL, like a crash. The folder stays, so that a server can be restarted in it. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void
  resume(): void
}

export interface RedisServerOptions {
  /** The folder that it writes to; absent = a temporary folder, removed by `stop`. */
  readonly folder?: string
  /** Absent = a free port. */
  readonly port?: number
  /** Additional arguments, e.g. `['--replicaof', '127.0.0.1', '6379']`; they come after ours and so override them. */
  readonly args?: readonly string[]
  /** Not reached by the terminal's Ctrl-C: its starter decides when it ends. */
  readonly ownGroup?: boolean
}

const PROGRAM = 'redis-server'
const READY = /Ready to accept connections|Running mode=sentinel/
const TRIES = 3
const RETRY_MS = 200

/** The output of `redis-server --version`, or undefined if it is not installed. */
export function redisServerVersion(): string | undefined {
  const { status, stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  return status === 0 ? /v=(\S+)/.exec(stdout)?.[1] : undefined
}

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'antikythera-redis-'))
  const remove = () => {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }
  // Another process may take a free port before Redis does, or briefly a given one while it looks for a free port.
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    try {
      const child = await ready(spawnRedis(port, folder, options))
      return new LocalRedis(child, port, folder, remove)
    } catch (error) {
      const isTaken = String(error).includes('Address already in use')
      if ((options.port === undefined || isTaken) && attempt < TRIES) {
        await sleep(RETRY_MS)
        continue
      }
      remove()
      throw error
    }
  }
}

class LocalRedis implements RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly folder: string
  readonly #process: OwnProcess
  readonly #remove: () => void

  constructor(child: ChildProcess, port: number, folder: string, remove: () => void) {
    this.url = `redis://127.0.0.1:${port}`
    this.port = port
    this.folder = folder
    this.#process = new OwnProcess(child)
    this.pid = this.#process.pid
    this.#remove = remove
  }

  async stop(): Promise<void> {
    this.resume()
    await this.#process.end('SIGTERM')
    this.#remove()
  }

  kill(): Promise<void> {
    return this.#process.end('SIGKILL')
  }

  pause(): void {
    this.#process.signal('SIGSTOP')
  }

  resume(): void {
    this.#process.signal('SIGCONT')
  }
}

function spawnRedis(
  port: number,
  folder: string,
  { args = [], ownGroup = false }: RedisServerOptions,
): ChildProcess {
  const usual = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder]
  const keepNothing = ['--save', '', '--appendonly', 'no', '--daemonize', 'no']
  // Redis waits 5 s for more replicas before it sends its data to the first.
  const atOnce = ['--repl-diskless-sync-delay', '0']
  // A configuration file must be the first argument, and Sentinel needs one.
  const isFile = args[0] !== undefined && !args[0].startsWith('--')
  const all = isFile ? args : [...usual, ...keepNothing, ...atOnce, ...args]
  return spawn(PROGRAM, all, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup })
}

/** Resolves when it reports that it serves; rejects with its output if it ends before. */
function ready(child: ChildProcess): Promise<ChildProcess> {
  let text = ''
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      text = `${text}${chunk.toString()}`.slice(-4096)
      if (READY.test(text)) resolve(child)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${PROGRAM} did not start: ${text.trim()}`)))
  })
}
