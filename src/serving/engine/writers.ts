/** One decode engine and one scheduler for all language models of a base. */
import type { Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Metrics } from '../../platform/metrics.ts'
import {
  openDecodeScheduler,
  type DecodeScheduler,
  type SchedulerOptions,
} from './decode-scheduler.ts'
import {
  openDecodingEngine,
  type DecodingEngine,
  type DecodingEngineOptions,
} from './decoding-engine.ts'

export interface WriterOfBase {
  readonly engine: DecodingEngine
  readonly scheduler: DecodeScheduler
}

export interface WritersOptions
  extends
    Pick<DecodingEngineOptions, 'methods' | 'tasks' | 'threads'>,
    Pick<SchedulerOptions, 'limits' | 'clock'> {
  readonly log: Logger
  readonly metrics: Metrics
  readonly atEnd: (close: () => Promise<void>) => void
}

export function openWriters(
  bases: Iterable<Base>,
  { limits, clock, log, metrics, atEnd, ...parts }: WritersOptions,
): ReadonlyMap<Base, WriterOfBase> {
  const writers = new Map<Base, WriterOfBase>()
  for (const base of new Set(bases)) {
    const onCrash = (err: Error) => {
      log.error({ err, base: base.name }, 'a decoding thread died; another takes its place')
    }
    const engine = openDecodingEngine({ ...parts, base, onCrash })
    const scheduler = openDecodeScheduler({ base: base.name, engine, limits, clock, metrics })
    atEnd(async () => engine.close())
    atEnd(async () => scheduler.close())
    writers.set(base, { engine, scheduler })
  }
  return writers
}
