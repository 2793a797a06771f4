/** A daemon as a user starts it: a process of its own on a config file, asked over HTTP, killed when its tests are over. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))

export interface OneDaemon {
  readonly folder: string
  /** The path of its config file. */
  readonly config: string
  /** The newest one that was started. */
  readonly process: ChildProcess
  readonly url: string
  /** Resolves when `/readyz` says so. After `kill`, a new process goes on with the same folder. */
  start(): Promise<void>
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>
  /** The body of the answer, whatever its status. `path` begins with the name of the model. */
  post<Answer>(path: string, body: object): Promise<Answer>
  get<Answer>(path: string): Promise<Answer>
}

/** A request with `wait_for` waits for ten seconds, and a busy machine may need more: it is asked again so often. */
const MOST_WAITS = 8

/** Standard error is inherited, where a failed run should show it; `ignore` hides what the test causes on purpose. */
type Stderr = 'inherit' | 'ignore' | 'pipe'

/**
 * The one daemon of a test file: it starts before the first test, and ends with its folder after the last. `prepare` is the
 * text of its config, or writes the config and whatever else belongs into the folder.
 */
export function oneDaemon(
  prepare: string | ((folder: string) => void),
  stderr?: Stderr,
): OneDaemon {
  const daemon = daemonIn(mkdtempSync(join(tmpdir(), 'antikythera-daemon-')), stderr)
  beforeAll(async () => {
    if (typeof prepare === 'string') writeFileSync(daemon.config, prepare)
    else prepare(daemon.folder)
    await daemon.start()
  })
  afterAll(async () => {
    await daemon.kill()
    await removed(daemon.folder)
  })
  return daemon
}

/** Neither started nor cleaned up by itself, for tests with several daemons. */
export function daemonIn(folder: string, stderr: Stderr = 'inherit'): OneDaemon {
  const config = join(folder, 'antikythera.yaml')
  let child: ChildProcess | undefined
  let url: string | undefined
  const running = <Value>(value: Value | undefined): Value => {
    if (value === undefined) throw new Error('the daemon has not started')
    return value
  }
  const ask = async (path: string, request?: RequestInit): Promise<unknown> => {
    for (let waits = 1; ; waits += 1) {
      const answer = (await (await fetch(`${running(url)}/v1/models/${path}`, request)).json()) as {
        readonly code?: string
      }
      if (answer.code !== 'POSITION_NOT_REACHED' || waits === MOST_WAITS) return answer
    }
  }
  return {
    folder,
    config,
    get process() {
      return running(child)
    },
    get url() {
      return running(url)
    },
    async start() {
      const args = [main, 'serve', '--config', config, '--json']
      child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', stderr] })
      const started = JSON.parse(await firstLine(child)) as { readonly url: string }
      url = started.url
      const isReady = async () => (await fetch(`${started.url}/readyz`)).ok
      await vi.waitUntil(isReady, { timeout: 90_000, interval: 50 })
    },
    async kill() {
      if (child === undefined) return
      child.kill('SIGKILL')
      await ended(child)
    },
    async post<Answer>(path: string, body: object) {
      const headers = { 'content-type': 'application/json' }
      return (await ask(path, { method: 'POST', headers, body: JSON.stringify(body) })) as Answer
    },
    async get<Answer>(path: string) {
      return (await ask(path)) as Answer
    },
  }
}
