/** Traces of requests, as a collector gets them. */
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openSpanExporter } from '../../src/platform/tracing/exporter.ts'
import { childOf, readTraceparent } from '../../src/platform/tracing/traceparent.ts'
import { attributesOf, openCollector } from '../platform/collector.ts'
import { openServed } from './open-served.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent = '00f067aa0ba902b7'
const log = pino({ level: 'silent' })

function exporterTo(endpoint: string, most = 100) {
  const metrics = openMetrics()
  const resource = { version: '0.1.0', instance: 'here' }
  return {
    metrics,
    spans: openSpanExporter({ endpoint, resource, most: () => most, metrics, log }),
  }
}

async function served(endpoint: string) {
  const { metrics, spans } = exporterTo(endpoint)
  const { app, letters } = await openServed({ spans })
  const predict = async (traceparent?: string, inputs: unknown = ['a']) =>
    app.inject({
      ...{ method: 'POST', url: '/v1/models/m/predict', payload: { inputs } },
      headers: traceparent === undefined ? {} : { traceparent },
    })
  return { app, predict, spans, metrics, letters }
}

test('a prediction and its feedback are spans of the trace that the caller names', async () => {
  const collector = await openCollector()
  const { app, predict, spans } = await served(collector.endpoint)
  const traceparent = `00-${trace}-${parent}-01`
  const { predictions } = (await predict(traceparent)).json<{ predictions: [{ id: string }] }>()
  await app.inject({
    ...{ method: 'POST', url: '/v1/models/m/feedback', headers: { traceparent } },
    payload: { prediction_id: predictions[0].id, label: 'yes' },
  })
  await spans.close()
  expect(collector.spans).toMatchObject([
    { traceId: trace, parentSpanId: parent, name: 'POST /v1/models/:model/predict', kind: 2 },
    { traceId: trace, parentSpanId: parent, name: 'POST /v1/models/:model/feedback', kind: 2 },
  ])
  const [first, second] = collector.spans
  expect(first!.spanId).not.toBe(second!.spanId)
  expect(attributesOf(first!)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/v1/models/:model/predict',
    'http.response.status_code': '200',
    'antikythera.model': 'm',
  })
  const took = BigInt(first!.endTimeUnixNano) - BigInt(first!.startTimeUnixNano)
  expect(took).toBeGreaterThan(0n)
  expect(Math.abs(Number(BigInt(first!.endTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(
    3_600_000,
  )
})

test('without a header each request is a trace of its own; probes are none, nor what is not sampled', async () => {
  const collector = await openCollector()
  const { app, predict, spans } = await served(collector.endpoint)
  await predict()
  await predict('not a traceparent')
  await predict(`00-${trace}-${parent}-00`)
  await app.inject('/livez')
  await spans.close()
  expect(collector.spans).toHaveLength(2)
  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(2)
  for (const span of collector.spans) {
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(span).not.toHaveProperty('parentSpanId')
  }
})

test('a refused request says its code; only a fault of the server is an error', async () => {
  const collector = await openCollector()
  const { predict, spans } = await served(collector.endpoint)
  await predict(undefined, [])
  await spans.close()
  const [span] = collector.spans
  expect(attributesOf(span!)).toMatchObject({
    'http.response.status_code': '400',
    'error.type': 'REQUEST_INVALID',
  })
  expect(span!.status).toEqual({})
})

test('feedback that is refused is a dead letter with the trace of its request', async () => {
  const collector = await openCollector()
  const { app, letters, spans } = await served(collector.endpoint)
  await app.inject({
    ...{ method: 'POST', url: '/v1/models/m/feedback' },
    headers: { traceparent: `00-${trace}-${parent}-01` },
    payload: { input: 'a', label: 7 },
  })
  await spans.close()
  const [span] = collector.spans
  expect(letters[0]!.headers).toEqual({ traceparent: `00-${trace}-${span!.spanId}-01` })
})

test('while the collector is away spans wait up to the limit, and then arrive', async () => {
  const collector = await openCollector()
  collector.isAway = true
  const { metrics, spans } = exporterTo(collector.endpoint, 3)
  const span = () => ({
    ...{ context: childOf(undefined), name: 'x', startMs: 1, endMs: 2 },
    ...{ attributes: {}, isError: false },
  })
  for (let count = 0; count < 5; count += 1) spans.add(span())
  expect(await metrics.text()).toContain('antikythera_spans_total{result="dropped"} 2\n')
  expect(await metrics.text()).toContain('antikythera_spans_waiting 3\n')
  collector.isAway = false
  await vi.waitUntil(() => collector.spans.length === 3, { timeout: 30_000 })
  await spans.close()
  expect(await metrics.text()).toContain('antikythera_spans_total{result="sent"} 3\n')
  spans.add(span())
  expect(collector.spans).toHaveLength(3)
  metrics.close()
})

test.each([
  [`00-${trace}-${parent}-01`, true],
  [`00-${trace}-${parent}-00`, true],
  [`cc-${trace}-${parent}-01-more`, true],
  [`00-${trace}-${parent}-01-more`, false],
  [`ff-${trace}-${parent}-01`, false],
  [`00-${'0'.repeat(32)}-${parent}-01`, false],
  [`00-${trace}-${'0'.repeat(16)}-01`, false],
  [`00-${trace.toUpperCase()}-${parent}-01`, false],
  [undefined, false],
])('traceparent %s is read: %s', (header, isRead) => {
  expect(readTraceparent(header) !== undefined).toBe(isRead)
})
