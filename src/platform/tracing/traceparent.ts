/** The header `traceparent`, by which a request names the trace that it belongs to (W3C Trace Context, 2021). */
import { randomBytes } from 'node:crypto'

export interface SpanContext {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly isSampled: boolean
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const SAMPLED = 1

/** Undefined for anything that is not one: a broken header starts a trace of its own and refuses nothing. */
export function readTraceparent(header: unknown): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    (typeof header === 'string' ? FORM.exec(header) : null) ?? []
  if (version === undefined || version === 'ff') return undefined
  if (version === '00' && more !== undefined) return undefined
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
}

/** The value of the header. */
export function traceparentOf({ traceId, spanId, isSampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** In the one spelling that is kept; undefined for anything that is not one. */
export function plainTraceparent(header: unknown): string | undefined {
  const context = header === undefined ? undefined : readTraceparent(header)
  return context && traceparentOf(context)
}

/** A span below `parent`, or the first one of a new trace. */
export function childOf(parent: SpanContext | undefined): SpanContext {
  return {
    traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    isSampled: parent?.isSampled ?? true,
  }
}

/**
 * The place of one request in a trace. It is known before the request is handled, because what the request leaves behind
 * (feedback, remembered predictions) names it. A request with no caller in a trace may join one that it is about.
 */
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
