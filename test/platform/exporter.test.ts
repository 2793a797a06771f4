import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openSpanExporter } from '../../src/platform/tracing/exporter.ts'
import { childOf } from '../../src/platform/tracing/traceparent.ts'
import { openCollector } from './collector.ts'

/** With more spans than a request carries. */
async function exporterOf(count: number) {
  const collector = await openCollector()
  const metrics = openMetrics()
  onTestFinished(() => {
    metrics.close()
  })
  const exporter = openSpanExporter({
    endpoint: collector.endpoint,
    resource: { version: '0.1.0', instance: 'here' },
    most: () => count,
    metrics,
    log: pino({ level: 'silent' }),
  })
  for (let at = 0; at < count; at += 1)
    exporter.add({
      ...{ context: childOf(undefined), name: 'x', startMs: 1, endMs: 2 },
      ...{ attributes: {}, isError: false },
    })
  return { exporter, collector }
}

test('closing sends all that waits, over as many requests as it needs', async () => {
  const { exporter, collector } = await exporterOf(1200)
  await exporter.close()
  expect(collector.spans).toHaveLength(1200)
})

test('closing gives up at the first request that fails', async () => {
  const { exporter, collector } = await exporterOf(1200)
  collector.isAway = true
  await exporter.close()
  expect(collector.spans).toHaveLength(0)
})

test('the next batch does not pause while as many wait as fill it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const { exporter, collector } = await exporterOf(1100)
  const arrived = async (count: number) => {
    while (collector.spans.length < count) {
      vi.advanceTimersByTime(0)
      await new Promise(setImmediate)
    }
  }
  vi.advanceTimersByTime(1000)
  await arrived(1024)
  await exporter.close()
  expect(collector.spans).toHaveLength(1100)
})
