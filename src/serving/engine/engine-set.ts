/** One engine and one queue for all models of a base. */
import type { Clock, Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { openBatcher, type Batcher, type BatcherOptions } from './batcher.ts'
import type { ServingEngine } from './contract.ts'
import { openServingEngine, type ServingEngineOptions } from './engine.ts'

export interface EngineOfBase {
  readonly engine: ServingEngine
  readonly batcher: Batcher
}

export interface EngineSetOptions {
  readonly engine: Omit<ServingEngineOptions, 'base' | 'onCrash'>
  readonly batcher: Pick<BatcherOptions, 'rowsPerRun' | 'queue' | 'waitMs'>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly atEnd: (close: () => Promise<void>) => void
}

export async function openEngines(
  bases: Iterable<Base>,
  { clock, log, metrics, atEnd, ...options }: EngineSetOptions,
): Promise<ReadonlyMap<Base, EngineOfBase>> {
  const engines = new Map<Base, EngineOfBase>()
  for (const base of new Set(bases)) {
    const engine = await openServingEngine({
      ...options.engine,
      base,
      onCrash: (err) => {
        log.error({ err, base: base.name }, 'a serving thread died; another takes its place')
      },
    })
    const lanes = options.engine.workers
    const batcher = openBatcher({ ...options.batcher, engine, lanes, clock, metrics })
    atEnd(async () => engine.close())
    atEnd(async () => batcher.close())
    engines.set(base, { engine, batcher })
  }
  return engines
}
