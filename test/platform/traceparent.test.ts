import { expect, test } from 'vitest'
import { exportRequest, type Span } from '../../src/platform/tracing/spans.ts'
import {
  plainTraceparent,
  readTraceparent,
  traceparentOf,
  RequestTrace,
} from '../../src/platform/tracing/traceparent.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const header = `00-${traceId}-${spanId}-01`

test('what is read is written again as it was', () => {
  expect(readTraceparent(header)).toEqual({ traceId, spanId, isSampled: true })
  expect(traceparentOf(readTraceparent(header)!)).toBe(header)
  expect(plainTraceparent(`00-${traceId}-${spanId}-00`)).toBe(`00-${traceId}-${spanId}-00`)
})

test('a later version of the header, and unknown flags, are kept in the present spelling', () => {
  expect(plainTraceparent(`cc-${traceId}-${spanId}-03-more`)).toBe(header)
})

test.each([
  '',
  'x',
  header.toUpperCase(),
  ` ${header}`,
  `${header}\n`,
  `${header}-more`,
  `ff-${traceId}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId.slice(1)}-${spanId}-01`,
  `00-${traceId}-${spanId}-1`,
  [header],
  7,
  null,
  undefined,
])('%j is no traceparent', (value) => {
  expect(plainTraceparent(value)).toBeUndefined()
})

test('a request without a caller in a trace may join one, and keeps its own span', () => {
  const trace = new RequestTrace('malformed')
  const own = trace.context
  expect(trace.parent).toBeUndefined()
  trace.join({ traceId, spanId, isSampled: false })
  expect(trace.context).toEqual({ traceId, spanId: own.spanId, isSampled: false })
  expect(trace.traceparent).toBe(`00-${traceId}-${own.spanId}-00`)
  trace.join({ traceId: 'f'.repeat(32), spanId, isSampled: true })
  expect(trace.context.traceId).toBe(traceId)
})

test('the trace that its caller names is that of a request, whatever it is about', () => {
  const trace = new RequestTrace(header)
  trace.join({ traceId: 'f'.repeat(32), spanId, isSampled: true })
  expect(trace.parent).toEqual({ traceId, spanId, isSampled: true })
  expect(trace.context.traceId).toBe(traceId)
})

test('a span has its links and its kind in OTLP', () => {
  const span: Span = {
    ...{ context: { traceId, spanId: 'a'.repeat(16), isSampled: true }, kind: 'internal' },
    ...{ name: 'update', startMs: 1, endMs: 2, attributes: {}, isError: false },
    links: [{ traceId: 'b'.repeat(32), spanId: 'c'.repeat(16), isSampled: true }],
  }
  const request = exportRequest([span], { version: '1', instance: 'here' })
  expect(request).toMatchObject({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: [{ kind: 1, links: [{ traceId: 'b'.repeat(32), spanId: 'c'.repeat(16) }] }],
          },
        ],
      },
    ],
  })
})
