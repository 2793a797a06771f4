/** The engines of the bases: each serves all models of its base. For rows with a queue, for texts with a scheduler, and for embeddings. */
import type { Clock, Logger, Tensor } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { isOfMemory } from '../../nn/memory.ts'
import type { Version } from '../../versions/contract.ts'
import { Batcher, type BatcherOptions } from './batcher.ts'
import { openServingEngine, type ServingEngineOptions, type ServingEngine } from './engine.ts'
import { DecodeScheduler, type SchedulerOptions } from './decode-scheduler.ts'
import { DecodingEngine, type DecodingEngineOptions } from './decoding-engine.ts'

export interface EngineOfBase {
  readonly engine: ServingEngine
  readonly batcher: Batcher
}

interface EngineSetOptions {
  readonly engine: Omit<ServingEngineOptions, 'base' | 'onCrash'>
  readonly batcher: Pick<BatcherOptions, 'rowsPerRun' | 'queue' | 'queueBytes' | 'waitMs'>
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
    const batcher = new Batcher({ ...options.batcher, engine, lanes, clock, metrics })
    atEnd(async () => engine.close())
    atEnd(async () => batcher.close())
    engines.set(base, { engine, batcher })
  }
  return engines
}

/** One decode engine and one scheduler for all language models of a base. */
export interface WriterOfBase {
  readonly engine: DecodingEngine
  readonly scheduler: DecodeScheduler
}

interface WritersOptions
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
    const onChange = (bytes: number) => {
      metrics.gauge('prefixCacheBytes', { base: base.name }, bytes)
    }
    const onCrash = (err: Error) => {
      log.error({ err, base: base.name }, 'a decoding thread died; another takes its place')
      onChange(0)
    }
    const prefixes = { mostBytes: limits.generation_cache_bytes, onChange }
    const engine = new DecodingEngine({ ...parts, base, onCrash, prefixes })
    const scheduler = new DecodeScheduler({ base: base.name, engine, limits, clock, metrics })
    atEnd(async () => engine.close())
    atEnd(async () => scheduler.close())
    writers.set(base, { engine, scheduler })
  }
  return writers
}

/** A head that answers what it reads. */
function embeddingHead(width: number): TaskHead {
  return {
    kind: KIND,
    reads: 'pooled',
    headIn: () => [],
    outputs: () => width,
    parameters: () => [],
    grow: (_name, tensor) => tensor,
    logits: (_ops, embedding) => embedding,
    scale: () => 1,
  }
}

const KIND = 'embedding'

/**
 * The embeddings of a base with an adapter, for clients that ask for embeddings instead of answers: the vector that a
 * head would read. They are computed by an engine of their own, which is opened by the first request, since most
 * daemons are never asked for one.
 *
 * Versions are loaded without their heads. Call it once for each base; the engine is opened at the first call of the result.
 */
export function lazyEmbeddings(
  base: Base,
  options: Omit<EngineSetOptions, 'engine'> & {
    readonly engine: Omit<EngineSetOptions['engine'], 'tasks' | 'workers'>
  },
): () => Promise<EngineOfBase> {
  let opened: Promise<EngineOfBase> | undefined
  const open = async () => {
    const tasks = { [KIND]: embeddingHead(base.network.width) }
    const engine = { ...options.engine, tasks, workers: 1 }
    const found = (await openEngines([base], { ...options, engine })).get(base)
    if (found === undefined) throw new Error(`no engine for the embeddings of ${base.name}`)
    return { ...found, engine: withoutHeads(found.engine) }
  }
  return async () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
}

function withoutHeads(engine: ServingEngine): ServingEngine {
  return {
    load: async (key, version) => engine.load(key, headless(version)),
    unload: (key) => engine.unload(key),
    run: async (rows) => engine.run(rows),
    close: async () => engine.close(),
  }
}

function headless({ manifest: { memory: _memory, ...manifest }, parameters }: Version): Version {
  const isKept = ([name]: readonly [string, Tensor]) =>
    !name.startsWith('head.') && !isOfMemory(name)
  return {
    manifest: { ...manifest, task: KIND, facts: {} },
    parameters: new Map([...parameters].filter(isKept)),
  }
}
