/**
 * Writing that must never hold up an answer: items wait in a bounded queue and go out in batches. While the other side is
 * away they wait; when the queue is full the oldest are dropped and counted, because an answer matters more than its copy.
 */
import { rest, settles, type Clock, type Logger } from '../../contracts/core.ts'
import { openJitter } from '../../platform/random.ts'
import { isRetriable, RetryPolicy } from '../../platform/retry.ts'

export interface WriteBehindOptions<Item> {
  /** A name of the data, for the log. */
  readonly what: string
  /** All or nothing, as far as it can tell; repeated when it fails in a way that may be tried again. */
  readonly write: (items: readonly Item[]) => Promise<void>
  readonly sizeOf: (item: Item) => number
  readonly clock: Clock
  readonly log: Logger
  readonly onWritten?: ((count: number) => void) | undefined
  readonly onDropped?: ((count: number) => void) | undefined
  readonly queueItems?: number
  readonly queueBytes?: number
  readonly batchItems?: number
}

export interface WriteBehind<Item> {
  add(items: readonly Item[]): void
  waiting(): number
  /** Ends when everything that was added before is written, or the first failure or `waitMs` have come. Never rejects. */
  flush(waitMs: number): Promise<void>
  /** Flushes, then stops. Idempotent. */
  close(flushMs?: number): Promise<void>
}

export function openWriteBehind<Item>(options: WriteBehindOptions<Item>): WriteBehind<Item> {
  return new Queue(options)
}

const QUEUE_ITEMS = 10_000
const QUEUE_BYTES = 16 * 1024 * 1024
const BATCH_ITEMS = 256
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000

class Queue<Item> implements WriteBehind<Item> {
  readonly #options: WriteBehindOptions<Item>
  readonly #retry: RetryPolicy
  readonly #stop = new AbortController()
  #items: { readonly item: Item; readonly bytes: number }[] = []
  #bytes = 0
  /** Items ever added, and ever gone: written or dropped. */
  #added = 0
  #gone = 0
  #failures = 0
  #writing: Promise<void> | undefined
  #onProgress: (() => void)[] = []

  constructor(options: WriteBehindOptions<Item>) {
    this.#options = options
    this.#retry = new RetryPolicy({
      clock: options.clock,
      jitter: openJitter(options.what),
      firstMs: FIRST_PAUSE_MS,
      longestMs: LONGEST_PAUSE_MS,
    })
  }

  add(items: readonly Item[]): void {
    if (this.#stop.signal.aborted) {
      this.#options.onDropped?.(items.length)
      return
    }
    for (const item of items) {
      const bytes = this.#options.sizeOf(item)
      this.#items.push({ item, bytes })
      this.#bytes += bytes
    }
    this.#added += items.length
    this.#dropOverflow()
    this.#writing ??= this.#write()
  }

  waiting(): number {
    return this.#items.length
  }

  async flush(waitMs: number): Promise<void> {
    const upTo = this.#added
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + waitMs
    while (this.#gone < upTo && this.#failures === 0) {
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) return
      const progress = new Promise<void>((resolve) => this.#onProgress.push(resolve))
      await settles(progress, leftMs, clock)
    }
  }

  async close(flushMs = 0): Promise<void> {
    if (!this.#stop.signal.aborted) await this.flush(flushMs)
    this.#stop.abort()
    await this.#writing
    if (this.#items.length > 0) this.#drop(this.#items.length)
  }

  async #write(): Promise<void> {
    // Items of the same turn of the event loop are written together.
    await Promise.resolve()
    while (this.#items.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#items.slice(0, this.#options.batchItems ?? BATCH_ITEMS)
      const before = this.#gone
      // Some of the batch, or all of it and more, may have been dropped for room meanwhile.
      const left = () => Math.max(0, batch.length - (this.#gone - before))
      try {
        await this.#options.write(batch.map(({ item }) => item))
        this.#written(left())
      } catch (error) {
        await this.#failed(error, left())
      }
      this.#progressed()
    }
    this.#writing = undefined
  }

  #written(left: number): void {
    if (this.#failures > 0) this.#options.log.info({}, `${this.#options.what}: written again`)
    this.#failures = 0
    this.#remove(left)
    this.#options.onWritten?.(left)
  }

  async #failed(error: unknown, left: number): Promise<void> {
    const { log, what, clock } = this.#options
    if (this.#failures === 0) log.warn({ err: error }, `${what}: cannot be written`)
    this.#failures += 1
    if (!isRetriable(error)) this.#drop(left)
    this.#progressed()
    const pauseMs = this.#retry.delayMs(this.#failures - 1)
    await rest(clock, pauseMs, this.#stop.signal)
  }

  #dropOverflow(): void {
    const { queueItems = QUEUE_ITEMS, queueBytes = QUEUE_BYTES } = this.#options
    let count = Math.max(0, this.#items.length - queueItems)
    let bytes = this.#items.slice(0, count).reduce((sum, each) => sum + each.bytes, 0)
    for (; this.#bytes - bytes > queueBytes && count < this.#items.length; count += 1)
      bytes += this.#items[count]?.bytes ?? 0
    if (count > 0) this.#drop(count)
  }

  #drop(count: number): void {
    this.#remove(count)
    if (count > 0) this.#options.onDropped?.(count)
  }

  #remove(count: number): void {
    const removed = this.#items.splice(0, count)
    this.#bytes -= removed.reduce((sum, { bytes }) => sum + bytes, 0)
    this.#gone += removed.length
  }

  #progressed(): void {
    const waiting = this.#onProgress
    this.#onProgress = []
    for (const resolve of waiting) resolve()
  }
}
