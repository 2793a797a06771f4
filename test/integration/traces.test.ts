/** One trace from a prediction to the version that learned its feedback, as a collector of OpenTelemetry gets it. */
import { writeFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { attributesOf, openCollector, type ReceivedSpan } from '../platform/collector.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { makeTopic, needsKafka, produce, sharedKafka } from '../services/kafka.ts'
import { daemonIn } from './one-daemon.ts'

const input = { features: [1, 2] }

interface Shown {
  readonly trace?: { readonly traceparent: string; readonly links: readonly string[] }
}

/** With one model `m` that updates after so many events. */
async function traced({ every = 1, more = '' } = {}) {
  const collector = await openCollector()
  const daemon = daemonIn(scratchFolder())
  onTestFinished(() => daemon.kill())
  writeFileSync(
    daemon.config,
    `telemetry: { otlp: '${collector.endpoint}' }
server: { port: 0 }
log: { level: warn }
models:
  m:
    labels: [no, yes]
    base: { features: { size: 2 } }
    adapter: { method: head }
    trigger: { policy: count, every: ${every}, rest: 0 }
${more}`,
  )
  await daemon.start()
  /** The first span of a name, when it has arrived. */
  const spanOf = async (name: string, isWanted = (_span: ReceivedSpan) => true) => {
    const find = () => collector.spans.find((span) => span.name === name && isWanted(span))
    await vi.waitUntil(find, { timeout: 60_000, interval: 50 })
    return find()!
  }
  const ofVersion = (version: string) => (span: ReceivedSpan) =>
    attributesOf(span)['antikythera.version'] === version
  const afterUpdate = async (version: string) => {
    const isIts = ofVersion(version)
    const [update, publish, swap] = [
      await spanOf('update', isIts),
      await spanOf('publish', isIts),
      await spanOf('swap', isIts),
    ]
    return { update, publish, swap }
  }
  return { collector, daemon, spanOf, afterUpdate }
}

test('one trace goes from a prediction through its feedback to the swap', async () => {
  const { daemon, collector, spanOf, afterUpdate } = await traced()
  const { predictions } = await daemon.post<{ predictions: [{ id: string }] }>('m/predict', {
    inputs: [input],
  })
  // Neither request names a trace: the feedback joins that of its prediction.
  await daemon.post('m/feedback', { prediction_id: predictions[0].id, label: 'yes' })
  const predict = await spanOf('POST /v1/models/:model/predict')
  const feedback = await spanOf('POST /v1/models/:model/feedback')
  const { update, publish, swap } = await afterUpdate('v1')
  const { traceId } = predict
  for (const span of [feedback, update, publish, swap]) expect(span.traceId).toBe(traceId)
  expect(feedback.parentSpanId).toBe(predict.spanId)
  expect(update.parentSpanId).toBe(feedback.spanId)
  expect(publish.parentSpanId).toBe(update.spanId)
  expect(swap.parentSpanId).toBe(publish.spanId)
  expect([update, publish, swap].map(({ kind }) => kind)).toEqual([1, 1, 1])
  expect(attributesOf(update)).toMatchObject({
    ...{ 'antikythera.model': 'm', 'antikythera.verdict': 'promote' },
    ...{ 'antikythera.events': '1', 'antikythera.version': 'v1' },
  })
  const { trace } = await daemon.get<Shown>('m/versions/v1')
  expect(trace).toEqual({
    traceparent: `00-${traceId}-${publish.spanId}-01`,
    links: [`00-${traceId}-${feedback.spanId}-01`],
  })
  const why = await runCli('why', 'm', '--url', daemon.url)
  expect(why.stdout).toContain(`  at v1: trace ${traceId}\n`)
  // A person's move comes long after: a trace of its own, with a link.
  await daemon.post('m/rollback', { reason: 'a wrong label' })
  await daemon.post('m/promote', { version: 'v1', reason: 'it was right', undone: true })
  const isPersons = (span: ReceivedSpan) => attributesOf(span)['antikythera.by'] === 'promote'
  const back = await spanOf('swap', isPersons)
  expect(back.traceId).not.toBe(traceId)
  expect(back.links).toEqual([{ traceId, spanId: publish.spanId }])
  expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(collector.spans.length)
})

test('after a kill the events that wait are still in their traces', async () => {
  const { daemon, spanOf, afterUpdate } = await traced({ every: 2 })
  const send = async (event: object, traceparent: string) => {
    const headers = { 'content-type': 'application/json', traceparent }
    const url = `${daemon.url}/v1/models/m/feedback`
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(event) })
    expect(response.status).toBe(202)
  }
  const [one, other] = ['4bf92f3577b34da6a3ce929d0e0e4736', '0af7651916cd43dd8448eb211c80319c']
  await send({ input, label: 'yes' }, `00-${one}-00f067aa0ba902b7-01`)
  const route = 'POST /v1/models/:model/feedback'
  const first = await spanOf(route)
  const isPending = async () => (await daemon.get<{ pending: number }>('m')).pending === 1
  await vi.waitUntil(isPending, { timeout: 60_000, interval: 50 })
  await daemon.kill()
  await daemon.start()
  await send({ input: { features: [-1, -2] }, label: 'no' }, `00-${other}-b7ad6b7169203331-01`)
  const second = await spanOf(route, ({ traceId }) => traceId === other)
  const { update, swap } = await afterUpdate('v1')
  expect(first).toMatchObject({ traceId: one, parentSpanId: '00f067aa0ba902b7' })
  expect(update).toMatchObject({ traceId: one, parentSpanId: first.spanId })
  expect(update.links).toEqual([{ traceId: other, spanId: second.spanId }])
  expect(swap.traceId).toBe(one)
})

test('feedback from Kafka is learned in the trace of its header', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  const { afterUpdate } = await traced({
    more: `    sources: [{ kafka: { brokers: [${brokers.map((each) => `'${each}'`).join()}], topic: ${topic} } }]\n`,
  })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const value = JSON.stringify({ id: 'k-1', input, label: 'yes' })
  await produce(brokers, topic, [{ value, headers: { traceparent } }])
  const { update, publish, swap } = await afterUpdate('v1')
  expect(update).toMatchObject({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    parentSpanId: 'b7ad6b7169203331',
  })
  expect(publish).toMatchObject({ traceId: update.traceId, parentSpanId: update.spanId })
  expect(swap).toMatchObject({ traceId: update.traceId, parentSpanId: publish.spanId })
})
