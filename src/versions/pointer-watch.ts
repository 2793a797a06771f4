/**
 * Notifies watchers when the live pointer moves, whichever process moved it.
 *
 * The pointer is polled (one indexed row, microseconds), because a file watch reports nothing on some file systems and
 * a message between processes can be lost; `wake` polls immediately. Moves in quick succession are reported as one, the
 * newest.
 */
import { rest, type Clock, type Logger } from '../contracts/core.ts'
import type { Routing } from './contract.ts'

export interface PointerWatchOptions {
  readonly read: () => Routing | undefined
  readonly clock: Clock
  readonly pollMs: number
  readonly log: Logger
}

interface Watcher {
  readonly onChange: (pointer: Routing) => void
  told: Routing | undefined
}

export class PointerWatch {
  readonly #options: PointerWatchOptions
  readonly #watchers = new Set<Watcher>()
  #polling: AbortController | undefined
  #telling = false
  #failing = false

  constructor(options: PointerWatchOptions) {
    this.#options = options
  }

  /** The first call reports the present pointer, so that no move between reading it and watching is missed. */
  add(onChange: (pointer: Routing) => void): () => void {
    const watcher: Watcher = { onChange, told: undefined }
    this.#watchers.add(watcher)
    this.#start()
    return () => {
      this.#watchers.delete(watcher)
      if (this.#watchers.size === 0) this.stop()
    }
  }

  /** Polls now, and notifies before it returns. */
  wake(): void {
    if (this.#telling || this.#watchers.size === 0) return
    this.#telling = true
    const pointer = this.#read()
    if (pointer !== undefined) {
      for (const watcher of this.#watchers) this.#tell(watcher, pointer)
    }
    this.#telling = false
  }

  stop(): void {
    this.#polling?.abort()
    this.#polling = undefined
    this.#watchers.clear()
  }

  #start(): void {
    if (this.#polling !== undefined) return
    this.#polling = new AbortController()
    void this.#poll(this.#polling.signal)
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { clock, pollMs } = this.#options
    // Not before `add` has returned how to stop.
    for (let delayMs = 0; await rest(clock, delayMs, signal); delayMs = pollMs) this.wake()
  }

  #read(): Routing | undefined {
    try {
      const pointer = this.#options.read()
      this.#failing = false
      return pointer
    } catch (error) {
      // Reported once, not at every poll; the next successful poll reports what was missed.
      if (!this.#failing) this.#options.log.warn({ err: error }, 'the live pointer cannot be read')
      this.#failing = true
      return undefined
    }
  }

  #tell(watcher: Watcher, pointer: Routing): void {
    if (watcher.told !== undefined && !isNews(pointer, watcher.told)) return
    watcher.told = pointer
    try {
      watcher.onChange(pointer)
    } catch (error) {
      this.#options.log.error({ err: error }, 'a watcher of the live pointer failed')
    }
  }
}

/** A lost generation may come again and lead to another version. */
function isNews(pointer: Routing, told: Routing): boolean {
  if (pointer.generation !== told.generation) return pointer.generation > told.generation
  return pointer.live.digest !== told.live.digest
}
