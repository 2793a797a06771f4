/**
 * Prometheus metrics: prom-client behind a few verbs, typed by the table so that a wrong name or label does not
 * compile. One registry per process, passed in, so that tests do not share numbers.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metricTable, type MetricSpec } from './metric-table.ts'

type Table = typeof metricTable
export type NameOf<Kind extends MetricSpec['kind']> = {
  [Name in keyof Table]: Table[Name]['kind'] extends Kind ? Name : never
}[keyof Table]
export type TagsOf<Name extends keyof Table> = Readonly<
  Record<Table[Name]['labels'][number], string | number>
>

export interface Metrics {
  /** Raises a counter. */
  count<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, by?: number): void
  /** Sets a gauge. */
  gauge<Name extends NameOf<'gauge'>>(name: Name, tags: TagsOf<Name>, value: number): void
  /** Removes every series of a gauge: series that are not set again are gone. */
  reset(name: NameOf<'gauge'>): void
  /** Adds an observation to a histogram. */
  observe<Name extends NameOf<'histogram'>>(name: Name, tags: TagsOf<Name>, value: number): void
  /** `refresh` is called before each scrape, for gauges that are cheaper to read than to keep up to date. */
  onScrape(refresh: () => void | Promise<void>): void
  /** The text for GET /metrics. */
  text(): Promise<string>
  readonly contentType: string
  close(): void
}

export function openMetrics(): Metrics {
  const registry = new Registry()
  const counters = make('counter', (spec) => new Counter(optionsOf(spec, registry)))
  const gauges = make('gauge', (spec) => new Gauge(optionsOf(spec, registry)))
  const histograms = make('histogram', (spec) => {
    const buckets = [...(spec.buckets ?? [])]
    return new Histogram({ ...optionsOf(spec, registry), buckets })
  })
  const refreshers: (() => void | Promise<void>)[] = []
  const metrics: Metrics = {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    gauge: (name, labels, value) => gauges.get(name)?.set(labels, value),
    reset: (name) => gauges.get(name)?.reset(),
    observe: (name, labels, value) => histograms.get(name)?.observe(labels, value),
    onScrape: (refresh) => refreshers.push(refresh),
    async text() {
      for (const refresh of refreshers) await refresh()
      return registry.metrics()
    },
    contentType: registry.contentType,
    close: () => loop.disable(),
  }
  const loop = watchEventLoop(metrics)
  return metrics
}

function make<Metric>(
  kind: MetricSpec['kind'],
  create: (spec: MetricSpec) => Metric,
): ReadonlyMap<string, Metric> {
  const specs: [string, MetricSpec][] = Object.entries(metricTable)
  const ofKind = specs.filter(([, spec]) => spec.kind === kind)
  return new Map(ofKind.map(([name, spec]) => [name, create(spec)]))
}

function optionsOf(spec: MetricSpec, registry: Registry) {
  return { name: spec.name, help: spec.help, labelNames: [...spec.labels], registers: [registry] }
}

/** Node's measurement between two scrapes, in nanoseconds. */
function watchEventLoop(metrics: Metrics) {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  metrics.onScrape(() => {
    const values = { 0.5: delay.percentile(50), 0.99: delay.percentile(99), 1: delay.max }
    for (const [quantile, value] of Object.entries(values))
      metrics.gauge('eventLoopDelaySeconds', { quantile }, value / 1e9)
    metrics.gauge('residentBytes', { process: 'server' }, process.memoryUsage.rss())
    delay.reset()
  })
  return delay
}
