import { afterEach, expect, test } from 'vitest'
import { metricTable, type MetricSpec } from '../../src/platform/metric-table.ts'
import { openMetrics, type Metrics } from '../../src/platform/metrics.ts'

const opened: Metrics[] = []
function open(): Metrics {
  const metrics = openMetrics()
  opened.push(metrics)
  return metrics
}
afterEach(() => {
  for (const metrics of opened.splice(0)) metrics.close()
})

test('counters, gauges and histograms appear in the exposition with their labels and help', async () => {
  const metrics = open()
  metrics.count('feedbackRejected', { model: 'm', code: 'LABEL_UNKNOWN' })
  metrics.count('feedbackRejected', { model: 'm', code: 'LABEL_UNKNOWN' }, 2)
  metrics.gauge('lag', { model: 'm' }, 7)
  metrics.observe('batchRows', { model: 'm' }, 3)
  const text = await metrics.text()
  expect(text).toContain('antikythera_feedback_rejected_total{model="m",code="LABEL_UNKNOWN"} 3\n')
  expect(text).toContain('antikythera_lag_events{model="m"} 7\n')
  expect(text).toContain('antikythera_batch_rows_bucket{le="2",model="m"} 0\n')
  expect(text).toContain('antikythera_batch_rows_bucket{le="4",model="m"} 1\n')
  expect(text).toContain(`# HELP antikythera_lag_events ${metricTable.lag.help}\n`)
})

test('two registries in one process do not share numbers', async () => {
  const [one, other] = [open(), open()]
  one.count('predictions', { model: 'm' })
  expect(await other.text()).not.toContain('antikythera_predictions_total{')
})

test('what is asked for at a scrape is read at that scrape', async () => {
  const metrics = open()
  let size = 1
  metrics.onScrape(() => {
    metrics.gauge('inboxEvents', { model: 'm' }, size)
  })
  await metrics.text()
  size = 5
  expect(await metrics.text()).toContain('antikythera_inbox_events{model="m"} 5\n')
})

test('memory and event loop delay are there without anyone asking', async () => {
  const text = await open().text()
  const resident = /antikythera_resident_bytes\{process="server"\} (\d+)/.exec(text)
  expect(Number(resident?.[1])).toBeGreaterThan(10 * 1024 * 1024)
  expect(text).toMatch(/antikythera_event_loop_delay_seconds\{quantile="0.99"\} \d/)
})

test.each(Object.entries(metricTable) as [string, MetricSpec][])(
  'the name of %s follows the conventions',
  (_key, spec) => {
    expect(spec.name).toMatch(/^antikythera_[a-z][a-z0-9_]*$/)
    expect(spec.name.endsWith('_total')).toBe(spec.kind === 'counter')
    expect(spec.help).toMatch(/^[A-Z].*\.$/)
    expect(spec.kind === 'histogram').toBe(spec.buckets !== undefined)
  },
)

test('no two metrics share a name', () => {
  const names = Object.values(metricTable).map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
