/** The engines of the bases: for rows, for texts that are written token by token, and for embeddings. */
import { modelOf, openTask } from '../config/model-parts.ts'
import type { Base } from '../contracts/base.ts'
import { failure } from '../platform/errors.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import {
  openEngines,
  openWriters,
  lazyEmbeddings,
  type EngineOfBase,
  type WriterOfBase,
} from '../serving/engine/engine-set.ts'
import type { LiveModelOptions } from '../serving/live/live-model.ts'
import type { DaemonContext, OpenModel } from './context.ts'

export type Serving = Pick<LiveModelOptions, 'engine' | 'batcher'>

export interface Engines {
  readonly engines: ReadonlyMap<Base, EngineOfBase>
  readonly writers: ReadonlyMap<Base, WriterOfBase>
  /** Engines for embeddings, of the bases that read text. */
  readonly embeddings: ReadonlyMap<Base, () => Promise<EngineOfBase>>
}

/** Each base has one engine of each kind, which all models on it share. */
export async function openAllEngines(
  site: DaemonContext,
  models: readonly OpenModel[],
): Promise<Engines> {
  const { config, clock, log, metrics } = site
  const { methods, tasks } = pluginsOf(config)
  const { workers, batch_rows: rowsPerRun, batch_wait_ms: waitMs } = config.server
  const basesOf = (writes: boolean) =>
    models.filter(({ name }) => writesTexts(site, name) === writes).map(({ base }) => base)
  const atEnd = (close: () => Promise<void>) => site.atEnd(close)
  const writers = openWriters(basesOf(true), {
    ...{ methods, tasks, threads: workers, limits: config.limits, clock, log, metrics, atEnd },
  })
  const engines = await openEngines(basesOf(false), {
    engine: { methods, tasks, workers },
    batcher: { rowsPerRun, waitMs, queue: config.limits.queue },
    ...{ clock, log, metrics, atEnd },
  })
  const embeddings = embeddersOf(
    models.map(({ base }) => base),
    {
      engine: { methods },
      batcher: { rowsPerRun, waitMs, queue: config.limits.queue },
      ...{ clock, log, metrics, atEnd },
    },
  )
  return { engines, writers, embeddings }
}

function embeddersOf(bases: readonly Base[], options: Parameters<typeof lazyEmbeddings>[1]) {
  const texts = bases.filter(({ rows }) => rows === 'ids')
  return new Map([...new Set(texts)].map((base) => [base, lazyEmbeddings(base, options)]))
}

export function writesTexts({ config }: DaemonContext, model: string): boolean {
  return openTask(modelOf(config, model), config.limits, pluginsOf(config)).texts !== undefined
}

/** Its texts take many steps: no batch of rows answers. */
export function writingOnly({ engine, scheduler }: WriterOfBase): Serving {
  const refuse = async () =>
    Promise.reject(failure('REQUEST_INVALID', 'this model writes texts, and answers nothing else'))
  return { engine, batcher: { run: refuse, waiting: (model) => scheduler.waiting(model) } }
}
