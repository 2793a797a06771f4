/**
 * The defaults of a model on `features` whose config leaves the adapter open: a small network on the numbers and on
 * their pieces, with each number relative to recent ones, several steps per example and averaged weights for answers.
 * One recipe for streams of tables, measured in policies/results-tables.md; any key in the config overrides it.
 *
 * Vectors that stay unchanged (`standardise: false`), embeddings for example, get the defaults of every other model
 * except for the adapter: the bare head, or all hidden layers if there are any. The same holds for a chosen adapter.
 */
import { isRecord } from './shape.ts'
import { Unparsed } from './unparsed.ts'

export const featuresDefaults = {
  base: { hidden: [64], bins: 3, window: 30 },
  adapter: { method: 'full', tail_layers: 'all' },
  train: {
    learning_rate: 0.01,
    head_learning_rate: 0.01,
    batch: 1,
    replay_batch: 32,
    epochs: 2,
    weight_decay: 1,
    weight_decay_steps: 600,
    average: 0.997,
  },
  replay: { policy: 'recent' },
} as const

/** The tree of a config, before the schema is applied. */
export function withFeaturesDefaults(tree: unknown): unknown {
  const found = isRecord(tree) ? given(tree.models) : undefined
  if (!isRecord(tree) || !isRecord(found)) return tree
  const models = Object.entries(found).map(([name, model]) => [name, ofModel(model)])
  return { ...tree, models: Object.fromEntries(models) as unknown }
}

function ofModel(model: unknown): unknown {
  if (!isRecord(model) || given(model.adapter) !== undefined) return model
  const base = given(model.base)
  if (!isRecord(base)) return model
  const features = given(base.features)
  if (!isRecord(features)) return model
  if (given(features.standardise) === false) return { ...model, adapter: plainAdapter(features) }
  const train = given(model.train) ?? {}
  const { adapter, replay } = featuresDefaults
  const settings = { ...featuresDefaults.base, ...withoutNulls(features) }
  return {
    ...model,
    base: { ...base, features: settings },
    // Without hidden layers only the head can learn.
    adapter: isEmpty(given(settings.hidden)) ? { method: 'head' } : adapter,
    train: isRecord(train) ? { ...featuresDefaults.train, ...withoutNulls(train) } : train,
    replay: given(model.replay) ?? replay,
  }
}

/** The default of every other model, lora on the last layers of an encoder, has no target module here. */
function plainAdapter(features: Readonly<Record<string, unknown>>): object {
  const hidden = given(features.hidden)
  return hidden === undefined || isEmpty(hidden) ? { method: 'head' } : featuresDefaults.adapter
}

/** Undefined also for a key without a value. */
function given(value: unknown): unknown {
  return (value instanceof Unparsed ? value.for({}) : value) ?? undefined
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function withoutNulls(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
}
