/** A live model on fakes, all of them at hand. */
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { Batcher, type BatcherOptions } from '../../src/serving/engine/batcher.ts'
import { openLiveModel, type LiveModelOptions } from '../../src/serving/live/live-model.ts'
import { fakeBase, fakeTask } from './fake-base.ts'
import { openFakeClock } from './fake-clock.ts'
import { openFakeEngine, type FakeEngine } from './fake-engine.ts'
import { openFakeLog } from './fake-log.ts'
import { openFakeRegistry, type FakeRegistry } from './fake-registry.ts'

export async function openLive(
  options: {
    readonly model?: string
    readonly registry?: FakeRegistry
    readonly engine?: FakeEngine
    readonly batcher?: Partial<BatcherOptions>
    readonly live?: Partial<LiveModelOptions>
  } = {},
) {
  const model = options.model ?? 'm'
  const engine = options.engine ?? openFakeEngine()
  const registry = options.registry ?? openFakeRegistry(model, 6)
  const clock = openFakeClock()
  const log = openFakeLog()
  const metrics = openMetrics()
  const served: ServedPrediction[] = []
  const bounds = { lanes: 1, rowsPerRun: 8, queue: 64, queueBytes: 1e6, waitMs: 60_000 }
  const batcher = new Batcher({ engine, clock, metrics, ...bounds, ...options.batcher })
  let ids = 0
  const live = await openLiveModel({
    model,
    base: fakeBase,
    task: fakeTask,
    maxTokens: 16,
    batcher,
    predictions: { record: (predictions) => void served.push(...predictions) },
    predictionId: () => `p-${(ids += 1)}`,
    registry,
    engine,
    idleVersions: 1,
    mostVersions: 3,
    shadowRows: 8,
    retry: { delayMs: () => 5000 },
    clock,
    log,
    metrics,
    ...options.live,
  })
  return { live, engine, registry, batcher, clock, log, metrics, served }
}
