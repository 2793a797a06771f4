/** A server that this process has started: it is killed when this process exits, unless it was ended before. */
import type { ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'

export class OwnProcess {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #onExit: () => void
  #fault: Error | undefined

  constructor(child: ChildProcess) {
    this.pid = child.pid ?? 0
    this.#child = child
    this.#onExit = () => child.kill('SIGKILL')
    process.on('exit', this.#onExit)
    child.once('error', (fault) => (this.#fault = fault))
  }

  /** Why it could not be started. */
  get fault(): Error | undefined {
    return this.#fault
  }

  get hasEnded(): boolean {
    const { exitCode, signalCode } = this.#child
    return this.#fault !== undefined || exitCode !== null || signalCode !== null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    process.off('exit', this.#onExit)
    if (this.hasEnded) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    await ended
  }
}

/** Loopback ports that were free a moment ago, for services that need their port at the start. */
export function freePort(): Promise<number> {
  return listenOnce(0)
}

/** The port itself if it is free, otherwise undefined. */
export function ifFree(port: number): Promise<number | undefined> {
  return listenOnce(port).catch(() => undefined)
}

function listenOnce(wanted: number): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: wanted, host: '127.0.0.1' }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
