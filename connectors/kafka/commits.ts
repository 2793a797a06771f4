/**
 * Commits the trainer's position to Kafka at intervals, so that the usual tools see its lag. Commits are advice: only
 * the newest counts, one is in flight at a time, and a failed one is repeated unless a newer one exists by then.
 */
import { settles, rest, type Clock, type Logger } from '../../src/contracts/core.ts'
import type { Positions } from '../../src/contracts/source.ts'

export interface CommitsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly send: (positions: ReadonlyMap<string, string>) => Promise<void>
}

const EVERY_MS = 1000
const LAST_MS = 1000

export class Commits {
  readonly #options: CommitsOptions
  #unsent = new Map<string, string>()
  #sending: Promise<void> | undefined
  #waiting: AbortController | undefined

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  add(positions: Positions): void {
    for (const [name, position] of Object.entries(positions)) this.#unsent.set(name, position)
    this.#sending ??= this.#sendOn()
  }

  /** Sends the last commit, if that is possible soon. */
  async close(): Promise<void> {
    this.#waiting?.abort()
    await settles(this.#sending ?? Promise.resolve(), LAST_MS, this.#options.clock)
    await settles(this.#send(), LAST_MS, this.#options.clock)
  }

  async #sendOn(): Promise<void> {
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    while (this.#unsent.size > 0 && !signal.aborted) {
      await this.#send()
      await rest(this.#options.clock, EVERY_MS, signal)
    }
    this.#sending = undefined
  }

  async #send(): Promise<void> {
    const positions = this.#unsent
    this.#unsent = new Map()
    if (positions.size === 0) return
    try {
      await this.#options.send(positions)
    } catch (err) {
      this.#unsent = new Map([...positions, ...this.#unsent])
      this.#options.log.debug({ err }, 'Kafka did not accept a commit')
    }
  }
}
