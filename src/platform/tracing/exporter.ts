/**
 * Sends finished spans to a collector in batches. Nothing waits for it: while the collector is away spans are buffered up
 * to a limit, and then dropped and counted.
 */
import type { Logger } from '../../contracts/core.ts'
import type { Metrics } from '../metrics.ts'
import { exportRequest, type Resource, type Span } from './spans.ts'

export interface SpanExporter {
  add(span: Span): void
  /** Sends the rest, up to the first failure. Idempotent. */
  close(): Promise<void>
}

export interface ExporterOptions {
  /** The address of the collector, such as http://127.0.0.1:4318: spans are sent to /v1/traces below it. */
  readonly endpoint: string
  readonly resource: Resource
  /** Spans that may wait. */
  readonly most: () => number
  readonly metrics: Metrics
  readonly log: Logger
}

const BATCH_SPANS = 512
const PAUSE_MS = 1000
const SEND_MS = 10_000

export function openSpanExporter(options: ExporterOptions): SpanExporter {
  const { endpoint, resource, most, metrics, log } = options
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
  let waiting: Span[] = []
  let sending: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isAway = false

  const send = async (spans: readonly Span[]) => {
    const body = JSON.stringify(exportRequest(spans, resource))
    const headers = { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(SEND_MS)
    const response = await fetch(url, { method: 'POST', headers, body, signal })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`the collector answered ${response.status}`)
  }

  const flush = async () => {
    const batch = waiting.slice(0, BATCH_SPANS)
    try {
      await send(batch)
      waiting = waiting.slice(batch.length)
      metrics.count('spans', { result: 'sent' }, batch.length)
      isAway = false
    } catch (error) {
      // Logged once; the metric shows how long it lasts.
      if (!isAway) log.warn({ err: error, url }, 'spans cannot be sent; they wait')
      isAway = true
    }
  }

  const schedule = () => {
    if (isClosed || timer !== undefined || sending !== undefined || waiting.length === 0) return
    // More than a batch has come while the last one was sent: the pause would limit how many are sent in a second.
    const pauseMs = !isAway && waiting.length >= BATCH_SPANS ? 0 : PAUSE_MS
    timer = setTimeout(() => {
      timer = undefined
      sending = flush().finally(() => {
        sending = undefined
        schedule()
      })
    }, pauseMs)
    timer.unref()
  }

  metrics.onScrape(() => {
    metrics.gauge('spansWaiting', {}, waiting.length)
  })
  return {
    add(span) {
      if (isClosed || waiting.length >= most()) {
        metrics.count('spans', { result: 'dropped' })
        return
      }
      waiting.push(span)
      schedule()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      clearTimeout(timer)
      await sending
      while (waiting.length > 0) {
        await flush()
        if (isAway) break
      }
    },
  }
}
