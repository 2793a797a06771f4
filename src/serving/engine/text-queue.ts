/** The texts of the decode scheduler: what a request asks for, the tokens of each text, and the queue of those that wait. */
import { failure } from '../../platform/errors.ts'
import type { Random } from '../../contracts/core.ts'
import type { DrawnToken, Sampling } from '../../nn/onnx/decoding/sample.ts'
import { FairQueue } from './fair-queue.ts'

/** A request for texts, and one text of it as the decode scheduler sees it: waiting first, then running in a lane. */
export interface TextRequest {
  readonly model: string
  /** The engine's key of the adapter, which the caller holds until every stream has ended. */
  readonly adapter: string
  readonly prompt: Int32Array
  /** At least one, or none with `scored`. */
  readonly maxTokens: number
  readonly sampling: Sampling
  /** How many of the likeliest tokens come with each token; absent = none. */
  readonly likeliest?: number | undefined
  /** The text itself, of `maxTokens`: nothing is drawn, and each token comes with its likelihood. */
  readonly given?: Int32Array | undefined
  /** The JSON of what bounds each text; the engine has read its tokens before. */
  readonly bounds?: string | undefined
  /** The tokens of the prompt behind its first one come before those of the text, each with its likelihood. */
  readonly scored?: boolean | undefined
  /** Tokens that end a text. */
  readonly ends: readonly number[]
  /** One text for each stream of random numbers. */
  readonly draws: readonly Pick<Random, 'uniform'>[]
  /** Called once the first of the texts has its prompt, with how many of its tokens were kept from earlier texts. */
  readonly onPrompt?: ((cached: number) => void) | undefined
  readonly signal: AbortSignal
}

export interface Text {
  readonly sequence: number
  readonly request: TextRequest
  readonly draw: Pick<Random, 'uniform'>
  readonly stream: TokenStream<DrawnToken>
  readonly arrivedMs: number
  /** How many positions the engine has of it. */
  length: number
  /** How many it had before its first step; absent until that was asked. */
  cached?: number
  /** How many tokens were drawn, and the last one. */
  drawn: number
  last: number
  isOver: boolean
}

/** The most tokens that it may have, prompt included. */
export function tokensOf({ prompt, maxTokens }: TextRequest): number {
  return prompt.length + maxTokens
}

export function samplingOf({ request: { sampling, likeliest, given, bounds }, draw, drawn }: Text) {
  const token = given?.[drawn]
  return {
    ...{ ...sampling, draw: draw.uniform() },
    ...(likeliest !== undefined && { likeliest }),
    ...(token !== undefined && { given: token }),
    ...(bounds !== undefined && drawn === 0 && { bounds }),
  }
}

/**
 * A queue of the tokens of one text, in order, for one reader. It grows until the text ends, so the length of the
 * text is its bound. A reader that stops early cancels the text.
 */
export class TokenStream<Item> implements AsyncIterableIterator<Item> {
  readonly #items: Item[] = []
  readonly #onCancel: () => void
  #isEnded = false
  #error: { readonly reason: unknown } | undefined
  #wake: (() => void) | undefined

  /** `onCancel`: the reader wants no more. */
  constructor(onCancel: () => void) {
    this.#onCancel = onCancel
  }

  push(item: Item): void {
    if (this.#isEnded) return
    this.#items.push(item)
    this.#wake?.()
  }

  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  /** The reader gets the error after the items that were pushed before. The first reason counts. */
  fail(reason: unknown): void {
    if (this.#isEnded) return
    this.#error = { reason }
    this.end()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Item>> {
    while (this.#items.length === 0 && !this.#isEnded)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    const item = this.#items.shift()
    if (item !== undefined) return { value: item, done: false }
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error.reason
    return { value: undefined, done: true }
  }

  return(): Promise<IteratorResult<Item>> {
    if (!this.#isEnded) this.#onCancel()
    this.#items.length = 0
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }
}

export interface TextQueueLimits {
  readonly generation_queue: number
  readonly generation_queue_tokens: number
}

/**
 * The texts that wait for room. Models take turns, and within a model its requests do. The first text that finds no room
 * keeps its turn, so that many short texts cannot hold back a long one for ever.
 */
export class TextQueue {
  readonly #limits: TextQueueLimits
  readonly #queue = new FairQueue<Text>()
  /** Was taken, and found no room. */
  #next: Text | undefined
  /** Σ of the most tokens that each may have. */
  #tokens = 0

  constructor(limits: TextQueueLimits) {
    this.#limits = limits
  }

  sizeOf(model: string): number {
    return this.#queue.sizeOf(model) + (this.#next?.request.model === model ? 1 : 0)
  }

  /** Throws `QUEUE_FULL` if the texts of a request find no place. */
  checkRoom(request: TextRequest): void {
    const { generation_queue: most, generation_queue_tokens: mostTokens } = this.#limits
    const count = request.draws.length
    const waiting = this.#queue.size + (this.#next === undefined ? 0 : 1)
    const isAlone = waiting === 0 && count === 1
    const details = { waiting, tokens: this.#tokens }
    if (waiting + count > most) throw full(`${waiting} of ${most} texts wait already`, details)
    if (!isAlone && this.#tokens + tokensOf(request) * count > mostTokens)
      throw full(`the texts that wait may have ${this.#tokens} tokens already`, details)
  }

  /** All texts of one request. */
  push(request: TextRequest, texts: readonly Text[]): void {
    for (const text of texts) {
      this.#queue.push(request.model, texts, text)
      this.#tokens += tokensOf(request)
    }
  }

  take(): Text | undefined {
    const text = this.#next ?? this.#queue.take()
    this.#next = undefined
    if (text !== undefined) this.#tokens -= tokensOf(text.request)
    return text
  }

  /** It was taken and found no room: it is the next again. */
  putBack(text: Text): void {
    this.#next = text
    this.#tokens += tokensOf(text.request)
  }

  /** Removes one text; the others of its request keep their places. */
  discard(text: Text): void {
    if (this.#next === text) this.take()
    else if (this.#queue.discard(text.request.model, text)) this.#tokens -= tokensOf(text.request)
  }
}

function full(what: string, details: Record<string, number>): Error {
  const fix =
    'wait as long as Retry-After says, or raise limits.generation_texts or limits.answer_tokens'
  return failure('QUEUE_FULL', what, { details, fix })
}
