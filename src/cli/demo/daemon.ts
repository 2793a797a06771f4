/** The daemon as the demo uses it: only through its HTTP API. */
import { openClient, type Version } from '../../client/client.ts'
import type { Json } from '../../contracts/core.ts'

/** The part of the daemon's API that the demo needs. */
export interface DemoDaemon {
  predict(
    model: string,
    texts: readonly string[],
  ): Promise<{ readonly version: string; readonly predictions: readonly DemoAnswer[] }>
  feedback(
    model: string,
    events: readonly Json[],
  ): Promise<{
    readonly accepted: number
    readonly rejected: readonly Json[]
    readonly position?: string
  }>
  status(model: string): Promise<DemoStatus>
  rollback(model: string, to: string, reason: string): Promise<{ readonly live: string }>
  versions(model: string): Promise<readonly { readonly version: string }[]>
}

export interface DemoAnswer {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
}

export interface DemoStatus {
  readonly live: { readonly version: string; readonly generation: number }
  readonly trainer: { readonly engine?: string; readonly pid?: number }
  readonly lag: number
  readonly pending: number
  readonly counts: {
    readonly accepted: number
    readonly learned: number
    readonly rejected: number
    readonly set_aside?: number
  }
  readonly prequential: { readonly count: number; readonly accuracy: number }
}

export function daemonAt(url: string): DemoDaemon {
  const client = openClient({ url })
  return {
    async predict(model, texts) {
      const { version, predictions } = await client.model(model).predict(texts)
      return {
        version,
        predictions: predictions as readonly (DemoAnswer & (typeof predictions)[number])[],
      }
    },
    feedback: async (model, events) => client.model(model).feedback({ events }),
    status: async (model) => (await client.model(model).describe()) as DemoStatus,
    rollback: async (model, to, reason) => client.model(model).rollBack({ to, reason }),
    async versions(model) {
      const all: Version[] = []
      for (let query = {}; ;) {
        const { versions, next } = await client.model(model).versions(query)
        all.push(...versions)
        if (next === undefined) return all
        query = { before: next }
      }
    },
  }
}

/**
 * The demo's three models on one base: what they learn, and the settings that differ.
 *
 * `origin` learns which site a sentence comes from, one site after the other; `origin-no-replay` is the same without
 * replay, to show the effect of replay.
 */
export const modelNames = ['sentiment', 'origin', 'origin-no-replay'] as const
export type ModelName = (typeof modelNames)[number]

const lora = { method: 'lora', rank: 8, alpha: 16 }
/** Every map of both layers and the pooler. */
const wide = { adapter: { ...lora, tail_layers: 'all' } }
/** Only the last maps, for a third of the time: the origin of a sentence is easy to recognise. */
const slim = { adapter: { ...lora, tail_layers: 1, target_modules: ['output', 'pooler'] } }
/** Events per update. */
export const every = 16
const train = {
  learning_rate: 0.001,
  batch: 16,
  replay_batch: 16,
  optimizer: 'adam',
  // One pass, also over the first labels, keeps the demo short.
  epochs: 1,
}
const usual = {
  base: 'use-lite',
  max_tokens: 64,
  train,
  replay: { policy: 'reservoir', capacity: 2000 },
  // By event count only, so that every run gives the same numbers.
  trigger: { policy: 'count', every, rest: 0 },
  promotion: { policy: 'always' },
}

/** The configuration as a file would hold it. */
export function demoConfig(
  dataDir: string,
  port: number,
  seed: number,
  sources: readonly object[] = [{ http: {} }],
) {
  const common = { ...usual, sources }
  return {
    data_dir: dataDir,
    seed,
    server: { host: '127.0.0.1', port },
    log: { level: 'warn' },
    models: {
      sentiment: { ...common, ...wide, labels: ['negative', 'positive'] },
      origin: { ...common, ...slim, labels: { open: true } },
      'origin-no-replay': {
        ...common,
        ...slim,
        labels: { open: true },
        replay: { policy: 'none' },
      },
    },
  }
}
