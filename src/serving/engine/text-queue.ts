/**
 * The texts that wait for room. Models take turns, and within a model its requests do. The first text that finds no room
 * keeps its turn, so that many short texts cannot hold back a long one for ever.
 */
import { failure } from '../../platform/errors.ts'
import { openFairQueue, type FairQueue } from './fair-queue.ts'
import { tokensOf, type Text, type TextRequest } from './scheduled-text.ts'

export interface TextQueueLimits {
  readonly generation_queue: number
  readonly generation_queue_tokens: number
}

export class TextQueue {
  readonly #limits: TextQueueLimits
  readonly #queue: FairQueue<Text> = openFairQueue()
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
