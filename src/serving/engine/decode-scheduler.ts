/**
 * Continuous batching: each step continues every running text by a token, and texts join and leave between steps. Texts of
 * different versions share a step as long as their adapters share a graph.
 *
 * Prompts are read in parts, one part between two steps, so that a long one delays the others a little and often rather
 * than much at once. Models take turns in the queue, and within a model its requests do. Memory is reserved for the
 * longest that a text may become, so that none that has begun has to give way.
 *
 * Yu et al. (2022), "Orca: a distributed serving system for transformer-based generative models", OSDI (continuous
 * batching); Agrawal et al. (2024), "Sarathi-Serve", OSDI (prompts in parts).
 */
import type { Clock, Random } from '../../contracts/core.ts'
import { capacityFor, rowsFor } from '../../nn/decoding/cache-sizes.ts'
import type { Drawn, Sampling } from '../../nn/decoding/sample.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { stepFailure, type DecodedStep, type DecodingEngine } from './decoding-engine.ts'
import { openFairQueue, type FairQueue } from './fair-queue.ts'
import { TokenStream } from './token-stream.ts'

export interface TextRequest {
  readonly model: string
  /** The engine's key of the adapter, which the caller holds until every stream has ended. */
  readonly adapter: string
  readonly prompt: Int32Array
  /** At least one. */
  readonly maxTokens: number
  readonly sampling: Sampling
  /** Each token comes with so many of the likeliest; absent = none. */
  readonly likeliest?: number | undefined
  /** Tokens that end a text. */
  readonly ends: readonly number[]
  /** One text for each stream of random numbers. */
  readonly draws: readonly Pick<Random, 'uniform'>[]
  readonly signal: AbortSignal
}

export interface DecodeScheduler {
  /**
   * One stream of tokens for each text; it ends with a token of `ends`, or after `maxTokens`. Throws `QUEUE_FULL` when
   * they find no room.
   */
  run(request: TextRequest): readonly AsyncIterableIterator<Drawn>[]
  /** Texts that wait. */
  waiting(model: string): number
  running(model: string): number
  /** Refuses new texts, fails those that are not done, and resolves when the step in flight has ended. */
  close(): Promise<void>
}

export interface SchedulerLimits {
  readonly generation_texts: number
  readonly generation_queue: number
  readonly generation_queue_tokens: number
  readonly generation_cache_bytes: number
}

export interface SchedulerOptions {
  /** Its name, for the metrics. */
  readonly base: string
  readonly engine: Pick<DecodingEngine, 'laneOf' | 'positionBytes' | 'step' | 'forget'>
  readonly limits: SchedulerLimits
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'observe' | 'count' | 'gauge'>
}

/** Tokens of a prompt in one run: as long as some steps, and large enough for products over many rows. */
export const PROMPT_PART = 64

interface Text {
  readonly sequence: number
  readonly request: TextRequest
  readonly draw: Pick<Random, 'uniform'>
  readonly stream: TokenStream<Drawn>
  readonly arrivedMs: number
  /** Positions that the engine has. */
  length: number
  drawn: number
  last: number
  isOver: boolean
}

/** Texts of one batch. */
interface Lane {
  readonly bytesPerPosition: number
  readonly texts: Text[]
  /** It still reads its prompt. */
  filling: Text | undefined
}

export function openDecodeScheduler(options: SchedulerOptions): DecodeScheduler {
  return new ContinuousBatching(options)
}

class ContinuousBatching implements DecodeScheduler {
  readonly #options: SchedulerOptions
  readonly #queue: FairQueue<Text> = openFairQueue()
  readonly #lanes = new Map<string, Lane>()
  /** Taken from the queue, and still without room. */
  #next: Text | undefined
  #queuedTokens = 0
  #sequences = 0
  #loop: Promise<void> | undefined
  #closed = false

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  waiting(model: string): number {
    return this.#queue.sizeOf(model) + (this.#next?.request.model === model ? 1 : 0)
  }

  running(model: string): number {
    return this.#running.filter(({ request }) => request.model === model).length
  }

  run(request: TextRequest): readonly AsyncIterableIterator<Drawn>[] {
    request.signal.throwIfAborted()
    invariant(request.maxTokens > 0 && request.prompt.length > 0, 'a text without tokens')
    this.#admit(request)
    const arrivedMs = this.#options.clock.monotonicMs()
    const texts = request.draws.map((draw): Text => {
      const sequence = (this.#sequences += 1)
      const stream = new TokenStream<Drawn>(() => this.#leave(text))
      const state = { length: 0, drawn: 0, last: -1, isOver: false }
      const text = { sequence, request, draw, stream, arrivedMs, ...state }
      return text
    })
    const abort = () => {
      for (const text of texts) this.#fail(text, request.signal.reason)
    }
    request.signal.addEventListener('abort', abort, { once: true })
    for (const text of texts) {
      this.#queue.push(request.model, texts, text)
      this.#queuedTokens += tokensOf(request)
    }
    this.#showWaiting(request.model)
    this.#loop ??= this.#work()
    return texts.map(({ stream }) => stream)
  }

  async close(): Promise<void> {
    this.#closed = true
    const stopped = () => failure('SHUTTING_DOWN', 'the server stopped before this text was done')
    for (let text = this.#take(); text !== undefined; text = this.#take())
      this.#fail(text, stopped())
    for (const text of this.#running) this.#fail(text, stopped())
    await this.#loop
  }

  #admit(request: TextRequest): void {
    if (this.#closed) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const { limits } = this.#options
    const count = request.draws.length
    const waiting = this.#queue.size + (this.#next === undefined ? 0 : 1)
    const tokens = this.#queuedTokens + tokensOf(request) * count
    const isFirst = waiting === 0 && count === 1
    const details = { waiting, tokens: this.#queuedTokens }
    if (waiting + count > limits.generation_queue)
      throw full(`${waiting} of ${limits.generation_queue} texts wait already`, details)
    if (!isFirst && tokens > limits.generation_queue_tokens)
      throw full(`the texts that wait may have ${this.#queuedTokens} tokens already`, details)
  }

  async #work(): Promise<void> {
    // What arrives in one breath begins together.
    await Promise.resolve()
    for (;;) {
      this.#begin()
      const lanes = [...this.#lanes.values()]
      if (lanes.length === 0) break
      for (const lane of lanes) {
        await this.#readPrompt(lane)
        await this.#continueTexts(lane)
      }
    }
    this.#options.metrics.gauge('generationCacheBytes', { base: this.#options.base }, 0)
    this.#loop = undefined
  }

  /** Texts that find room; the first that finds none keeps its turn. */
  #begin(): void {
    for (let text = this.#take(); text !== undefined; text = this.#take()) {
      if (text.isOver) continue
      const { adapter, model } = text.request
      const name = this.#options.engine.laneOf(adapter)
      const bytesPerPosition = this.#options.engine.positionBytes(adapter)
      const lane = this.#lanes.get(name) ?? { bytesPerPosition, texts: [], filling: undefined }
      if (lane.filling !== undefined || !this.#hasRoom(lane, text)) {
        this.#next = text
        this.#queuedTokens += tokensOf(text.request)
        break
      }
      lane.filling = text
      this.#lanes.set(name, lane)
      this.#showWaiting(model)
      this.#showRunning(model)
    }
  }

  #take(): Text | undefined {
    const text = this.#next ?? this.#queue.take()
    this.#next = undefined
    if (text !== undefined) this.#queuedTokens -= tokensOf(text.request)
    return text
  }

  #hasRoom(lane: Lane, text: Text): boolean {
    const { limits } = this.#options
    const running = this.#running.length
    if (running === 0) return true
    if (running >= limits.generation_texts) return false
    const others = [...this.#lanes.values()].filter((other) => other !== lane)
    const bytes = others.reduce((sum, other) => sum + bytesOf(other, textsOf(other)), 0)
    return bytes + bytesOf(lane, [...textsOf(lane), text]) <= limits.generation_cache_bytes
  }

  get #running(): readonly Text[] {
    return [...this.#lanes.values()].flatMap(textsOf)
  }

  async #readPrompt(lane: Lane): Promise<void> {
    const text = lane.filling
    if (text === undefined || text.isOver) return
    const { prompt } = text.request
    const ids = prompt.subarray(text.length, text.length + PROMPT_PART)
    const isLast = text.length + ids.length === prompt.length
    const step = await this.#step([{ text, ids, draws: isLast }])
    text.length += ids.length
    if (step === undefined || hasEnded(text) || !isLast) return
    lane.filling = undefined
    lane.texts.push(text)
    const { clock, metrics } = this.#options
    const { model } = text.request
    metrics.observe('firstTokenSeconds', { model }, (clock.monotonicMs() - text.arrivedMs) / 1000)
    metrics.count('promptTokens', { model }, prompt.length)
    this.#draw(text, step.drawn[0])
  }

  async #continueTexts({ texts }: Lane): Promise<void> {
    const rows = texts.filter(({ isOver }) => !isOver)
    if (rows.length === 0) return
    const step = await this.#step(
      rows.map((text) => ({ text, ids: Int32Array.of(text.last), draws: true })),
    )
    for (const [at, text] of rows.entries()) {
      text.length += 1
      if (step !== undefined && !text.isOver) this.#draw(text, step.drawn[at])
    }
  }

  /** Undefined when it failed: then its texts have failed with it. */
  async #step(
    rows: readonly { readonly text: Text; readonly ids: Int32Array; readonly draws: boolean }[],
  ): Promise<DecodedStep | undefined> {
    const { engine, metrics } = this.#options
    try {
      const step = await engine.step(
        rows.map(({ text: { request, draw, sequence, length }, ids, draws }) => ({
          ...{ sequence, adapter: request.adapter, from: length, ids },
          ...(draws && { sampling: samplingOf(request, draw) }),
        })),
      )
      metrics.gauge('generationCacheBytes', { base: this.#options.base }, step.cacheBytes)
      return step
    } catch (error) {
      for (const { text } of rows) this.#fail(text, stepFailure(error))
      return undefined
    }
  }

  #draw(text: Text, drawn: Drawn | undefined): void {
    const { model, ends, maxTokens } = text.request
    if (drawn === undefined || !Number.isFinite(drawn.logProbability)) {
      const details = { fault: 'not_finite' }
      this.#fail(text, failure('ENGINE_FAILED', 'a logit is not a finite number', { details }))
      return
    }
    this.#options.metrics.count('generatedTokens', { model })
    text.last = drawn.token
    text.drawn += 1
    text.stream.push(drawn)
    if (!ends.includes(drawn.token) && text.drawn < maxTokens) return
    text.stream.end()
    this.#leave(text)
  }

  #fail(text: Text, reason: unknown): void {
    text.stream.fail(reason)
    this.#leave(text)
  }

  /** From its batch, or from the queue. */
  #leave(text: Text): void {
    if (text.isOver) return
    text.isOver = true
    const { model } = text.request
    for (const [name, lane] of this.#lanes) {
      if (!textsOf(lane).includes(text)) continue
      if (lane.filling === text) lane.filling = undefined
      else lane.texts.splice(lane.texts.indexOf(text), 1)
      this.#options.engine.forget([text.sequence])
      if (textsOf(lane).length === 0) this.#lanes.delete(name)
      this.#showRunning(model)
      return
    }
    this.#drop(text)
    this.#showWaiting(model)
  }

  /** One that waits: the others of its request keep their places. */
  #drop(text: Text): void {
    if (this.#next === text) {
      this.#take()
      return
    }
    this.#queuedTokens -= this.#queue.discard(text.request.model, text) ? tokensOf(text.request) : 0
  }

  #showWaiting(model: string): void {
    this.#options.metrics.gauge('generationWaiting', { model }, this.waiting(model))
  }

  #showRunning(model: string): void {
    this.#options.metrics.gauge('generationRunning', { model }, this.running(model))
  }
}

function textsOf({ texts, filling }: Lane): readonly Text[] {
  return filling === undefined ? texts : [...texts, filling]
}

function samplingOf({ sampling, likeliest }: TextRequest, draw: Text['draw']) {
  return { ...sampling, draw: draw.uniform(), ...(likeliest !== undefined && { likeliest }) }
}

/** The most that it may have. */
function tokensOf({ prompt, maxTokens }: TextRequest): number {
  return prompt.length + maxTokens
}

function bytesOf({ bytesPerPosition }: Lane, texts: readonly Text[]): number {
  const positions = Math.max(0, ...texts.map(({ request }) => tokensOf(request)))
  return rowsFor(texts.length) * capacityFor(positions) * bytesPerPosition
}

function full(what: string, details: Record<string, number>): Error {
  const fix =
    'wait as long as Retry-After says, or raise limits.generation_queue or limits.generation_queue_tokens'
  return failure('QUEUE_FULL', what, { details, fix })
}

/** Asked after a step: it may have ended meanwhile. */
function hasEnded({ isOver }: Text): boolean {
  return isOver
}
