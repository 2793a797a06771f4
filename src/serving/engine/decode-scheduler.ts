/**
 * Continuous batching: each step continues every running text by a token, and texts join and leave between steps.
 *
 * Prompts are read in parts, one part between two steps, so that a long prompt delays the other texts a little and often
 * rather than much at once; the prompts take turns for these parts.
 *
 * Yu et al. (2022), "Orca: a distributed serving system for transformer-based generative models", OSDI (continuous
 * batching); Agrawal et al. (2024), "Sarathi-Serve", OSDI (prompts in parts).
 */
import type { Clock } from '../../contracts/core.ts'
import type { DrawnToken } from '../../nn/onnx/decoding/sample.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { DecodeLanes, nextPrompt, type DecodeLanesLimits, type Lane } from './decode-lanes.ts'
import {
  stepFailure,
  type DecodedStep,
  type DecodingEngine,
  type SequenceRow,
} from './decoding-engine.ts'
import {
  TextQueue,
  samplingOf,
  TokenStream,
  type TextQueueLimits,
  type Text,
  type TextRequest,
} from './text-queue.ts'

export interface SchedulerLimits extends TextQueueLimits, DecodeLanesLimits {}

export interface SchedulerOptions {
  /** The name of the base, for the metrics. */
  readonly base: string
  readonly engine: Pick<
    DecodingEngine,
    'laneOf' | 'positionBytes' | 'reuse' | 'step' | 'forget' | 'readTokens'
  >
  readonly limits: SchedulerLimits
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'observe' | 'count' | 'gauge'>
}

/** Tokens of a prompt in one part: as long as some steps, and large enough for products over many rows. */
export const PROMPT_PART = 64

export class DecodeScheduler {
  readonly #options: SchedulerOptions
  readonly #queue: TextQueue
  readonly #lanes: DecodeLanes
  #sequences = 0
  #loop: Promise<void> | undefined
  #closed = false

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#queue = new TextQueue(options.limits)
    this.#lanes = new DecodeLanes(options.limits)
  }

  /** How many texts wait. */
  waiting(model: string): number {
    return this.#queue.sizeOf(model)
  }

  running(model: string): number {
    return this.#lanes.texts.filter(({ request }) => request.model === model).length
  }

  /**
   * One stream of tokens for each text; it ends with a token of `ends`, or after `maxTokens`. Throws `QUEUE_FULL` if the
   * queue has no room for them.
   */
  run(request: TextRequest): readonly AsyncIterableIterator<DrawnToken>[] {
    request.signal.throwIfAborted()
    const isAsked = request.maxTokens > 0 || request.scored === true
    invariant(isAsked && request.prompt.length > 0, 'a text without tokens')
    if (this.#closed) throw failure('SHUTTING_DOWN', 'the server is stopping')
    this.#queue.checkRoom(request)
    const arrivedMs = this.#options.clock.monotonicMs()
    const texts = request.draws.map((draw): Text => {
      const sequence = (this.#sequences += 1)
      const stream = new TokenStream<DrawnToken>(() => this.#leave(text))
      const state = { length: 0, drawn: 0, last: -1, isOver: false }
      const text = { sequence, request, draw, stream, arrivedMs, ...state }
      return text
    })
    const abort = () => {
      for (const text of texts) this.#fail(text, request.signal.reason)
    }
    request.signal.addEventListener('abort', abort, { once: true })
    this.#queue.push(request, texts)
    this.#showWaiting(request.model)
    this.#loop ??= this.#work()
    return texts.map(({ stream }) => stream)
  }

  /** Resolves when a request may have a schema. */
  readTokens(): Promise<void> {
    return this.#options.engine.readTokens()
  }

  /** Refuses new texts, fails those that are not done, and resolves when the step in flight has ended. */
  async close(): Promise<void> {
    this.#closed = true
    const stopped = () => failure('SHUTTING_DOWN', 'the server stopped before this text was done')
    for (let text = this.#queue.take(); text !== undefined; text = this.#queue.take())
      this.#fail(text, stopped())
    for (const text of this.#lanes.texts) this.#fail(text, stopped())
    await this.#loop
  }

  async #work(): Promise<void> {
    // Requests that arrive in the same turn of the event loop begin together.
    await Promise.resolve()
    for (;;) {
      this.#begin()
      const lanes = this.#lanes.all
      if (lanes.length === 0) break
      for (const lane of lanes) {
        await this.#readPrompt(lane)
        await this.#continueTexts(lane)
      }
    }
    this.#options.metrics.gauge('generationCacheBytes', { base: this.#options.base }, 0)
    this.#loop = undefined
  }

  /** Texts that find room leave the queue. */
  #begin(): void {
    const { engine } = this.#options
    for (let text = this.#queue.take(); text !== undefined; text = this.#queue.take()) {
      if (text.isOver) continue
      const { adapter, model } = text.request
      if (!this.#lanes.begin(text, engine.laneOf(adapter), engine.positionBytes(adapter))) {
        this.#queue.putBack(text)
        break
      }
      this.#showWaiting(model)
      this.#showRunning(model)
    }
  }

  async #readPrompt(lane: Lane): Promise<void> {
    const text = nextPrompt(lane)
    if (text === undefined) return
    lane.parts += 1
    if (!(await this.#reuse(text))) return
    const { prompt, scored, likeliest = 0, maxTokens } = text.request
    const ids = prompt.subarray(text.length, text.length + partOf(prompt.length - text.length))
    const next = prompt.subarray(text.length + 1, text.length + 1 + ids.length)
    const isLast = text.length + ids.length === prompt.length
    const draws = isLast && maxTokens > 0
    const step = await this.#step([
      { text, ids, draws, ...(scored === true && { next: { ids: next, likeliest } }) },
    ])
    text.length += ids.length
    if (step === undefined || hasEnded(text)) return
    for (const token of step.scored) if (!this.#failsBy(text, token)) text.stream.push(token)
    if (!isLast || hasEnded(text)) return
    lane.filling.splice(lane.filling.indexOf(text), 1)
    lane.texts.push(text)
    this.#countPrompt(text)
    if (draws) this.#draw(text, step.drawn[0])
    else this.#end(text)
  }

  /** Before its first part. False if it failed, or has ended meanwhile. */
  async #reuse(text: Text): Promise<boolean> {
    if (text.cached !== undefined) return true
    const { adapter, prompt, scored } = text.request
    try {
      // All likelihoods of a prompt that is scored are computed.
      const most = scored === true ? 0 : Math.max(0, prompt.length - LEAST_PART)
      const ids = prompt.subarray(0, most)
      text.cached = most === 0 ? 0 : await this.#options.engine.reuse(text.sequence, adapter, ids)
      text.length = text.cached
    } catch (error) {
      this.#fail(text, stepFailure(error))
    }
    return !hasEnded(text)
  }

  #countPrompt({ request, cached = 0, draw, arrivedMs }: Text): void {
    const { clock, metrics } = this.#options
    const { model, prompt, given } = request
    if (draw === request.draws[0]) request.onPrompt?.(cached)
    if (given !== undefined) return
    metrics.observe('firstTokenSeconds', { model }, (clock.monotonicMs() - arrivedMs) / 1000)
    metrics.count('promptTokens', { model }, prompt.length)
    metrics.count('cachedPromptTokens', { model }, cached)
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

  /** Undefined if it failed; then its texts have failed too. */
  async #step(
    rows: readonly (Pick<SequenceRow, 'ids' | 'next'> & {
      readonly text: Text
      readonly draws: boolean
    })[],
  ): Promise<DecodedStep | undefined> {
    const { engine, metrics } = this.#options
    try {
      const step = await engine.step(
        rows.map(({ text, draws, ...tokens }) => ({
          ...{ sequence: text.sequence, adapter: text.request.adapter, from: text.length },
          ...tokens,
          ...(draws && { sampling: samplingOf(text) }),
        })),
      )
      metrics.gauge('generationCacheBytes', { base: this.#options.base }, step.cacheBytes)
      return step
    } catch (error) {
      for (const { text } of rows) this.#fail(text, stepFailure(error))
      return undefined
    }
  }

  #draw(text: Text, drawn: DrawnToken | undefined): void {
    const { model, ends, maxTokens, given } = text.request
    if (this.#failsBy(text, drawn) || drawn === undefined) return
    if (given === undefined) this.#options.metrics.count('generatedTokens', { model })
    text.last = drawn.token
    text.drawn += 1
    text.stream.push(drawn)
    if (ends.includes(drawn.token) || text.drawn >= maxTokens) this.#end(text)
  }

  #failsBy(text: Text, drawn: DrawnToken | undefined): boolean {
    if (Number.isFinite(drawn?.logProbability)) return false
    const details = { fault: 'not_finite' }
    this.#fail(text, failure('ENGINE_FAILED', 'a logit is not a finite number', { details }))
    return true
  }

  #end(text: Text): void {
    text.stream.end()
    this.#leave(text)
  }

  #fail(text: Text, reason: unknown): void {
    text.stream.fail(reason)
    this.#leave(text)
  }

  /** It leaves its lane, or the queue. */
  #leave(text: Text): void {
    if (text.isOver) return
    text.isOver = true
    const { model } = text.request
    if (this.#lanes.leave(text)) {
      this.#options.engine.forget([text.sequence])
      this.#showRunning(model)
    } else {
      this.#queue.discard(text)
      this.#showWaiting(model)
    }
  }

  #showWaiting(model: string): void {
    this.#options.metrics.gauge('generationWaiting', { model }, this.waiting(model))
  }

  #showRunning(model: string): void {
    this.#options.metrics.gauge('generationRunning', { model }, this.running(model))
  }
}

/**
 * The fewest tokens that a part of a longer prompt has: the runtime rounds a single position otherwise than several, and a
 * text has the same bits wherever its prompt was cut.
 */
const LEAST_PART = 2

function partOf(unread: number): number {
  const isLeftOver = unread > PROMPT_PART && unread < PROMPT_PART + LEAST_PART
  return isLeftOver ? unread : Math.min(unread, PROMPT_PART)
}

/** A function, because TypeScript would remember the answer from before the step. */
function hasEnded({ isOver }: Text): boolean {
  return isOver
}
