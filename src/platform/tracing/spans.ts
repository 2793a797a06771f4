/** A finished span, and its form in OTLP/HTTP with JSON (OpenTelemetry protocol 1.x). */
import type { SpanContext } from './traceparent.ts'

export interface Span {
  readonly context: SpanContext
  /** The span that it lies in, perhaps of another service. */
  readonly parentId?: string | undefined
  /** Other spans that it comes from, perhaps of other traces. */
  readonly links?: readonly SpanContext[]
  readonly name: string
  /** Absent = it answers a request. */
  readonly kind?: 'internal'
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string | number>>
  readonly isError: boolean
}

export interface Resource {
  readonly version: string
  /** Name of this daemon among others. */
  readonly instance: string
}

const [INTERNAL, SERVER, ERROR] = [1, 2, 2]

export function exportRequest(spans: readonly Span[], { version, instance }: Resource): object {
  const resource = {
    attributes: attributesOf({
      'service.name': 'antikythera',
      'service.version': version,
      'service.instance.id': instance,
    }),
  }
  const scope = { name: 'antikythera', version }
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: spans.map(shown) }] }] }
}

function shown({ context, parentId, links = [], name, kind, isError, ...span }: Span) {
  const { startMs, endMs, attributes } = span
  return {
    ...{ traceId: context.traceId, spanId: context.spanId },
    ...(parentId !== undefined && { parentSpanId: parentId }),
    ...{ name, kind: kind === 'internal' ? INTERNAL : SERVER },
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(attributes),
    ...(links.length > 0 && { links: links.map(({ traceId, spanId }) => ({ traceId, spanId })) }),
    status: isError ? { code: ERROR } : {},
  }
}

/** Integers of 64 bits are strings in OTLP's JSON. */
function nanoseconds(timeMs: number): string {
  return `${BigInt(Math.round(timeMs * 1000)) * 1000n}`
}

function attributesOf(attributes: Span['attributes']) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }))
}
