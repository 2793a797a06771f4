/**
 * The place of one request in a trace. It is known before the request is handled, because what the request leaves behind
 * (feedback, remembered predictions) names it. A request with no caller in a trace may join one that it is about.
 */
import { childOf, readTraceparent, traceparentOf, type SpanContext } from './traceparent.ts'

export class RequestTrace {
  #parent: SpanContext | undefined
  #context: SpanContext

  /** `header`: `traceparent` as it came. */
  constructor(header: unknown) {
    this.#parent = readTraceparent(header)
    this.#context = childOf(this.#parent)
  }

  get parent(): SpanContext | undefined {
    return this.#parent
  }

  get context(): SpanContext {
    return this.#context
  }

  /** The traceparent for everything that results from the request. */
  get traceparent(): string {
    return traceparentOf(this.#context)
  }

  /** Below `parent` from now on, unless the request has a parent already. */
  join(parent: SpanContext): void {
    if (this.#parent !== undefined) return
    this.#parent = parent
    this.#context = { ...parent, spanId: this.#context.spanId }
  }
}
