/** The base `features` as a plug-in: numbers and categories. */
import type { Json } from '../../contracts/core.ts'
import type { BasePlugin, ModelOnBase, ModelDefaults } from '../../contracts/base.ts'
import { settings, type FeaturesSettings, featuresFaults } from './settings.ts'

export const features = {
  summary: 'numbers and categories, standardised with what the stream has shown so far',
  settings,
  open: async (chosen: FeaturesSettings) => (await import('./features.ts')).openFeatures(chosen),
  // Its network learns from its own random weights, not from pretrained ones that a few steps adapt.
  train: { epochs: 1 },
  defaults: featuresDefaults,
  check: (chosen: FeaturesSettings, model: ModelOnBase) => featuresFaults(chosen, model),
  example: ({ size, names, schema }: FeaturesSettings): Json => {
    if (schema !== undefined)
      return { features: Object.fromEntries(Object.entries(schema).map(valueOf)) }
    return names === undefined
      ? { features: Array.from({ length: size ?? 1 }, () => 0.5) }
      : { features: Object.fromEntries(names.map((name) => [name, 0.5])) }
  },
} satisfies BasePlugin

type FeatureDeclaration = NonNullable<FeaturesSettings['schema']>[string]

function valueOf([name, declared]: [string, FeatureDeclaration]): [string, Json] {
  const type = typeof declared === 'string' ? declared : declared.type
  if (type === 'boolean') return [name, true]
  return [name, type === 'category' ? 'acme' : 0.5]
}

/**
 * The defaults of a model on `features` if its config names no adapter: a small network on the numbers and on
 * their pieces, with each number relative to recent ones, several steps per example and averaged weights for answers.
 * One recipe for streams of tables, measured in policies/results-tables.md; any key in the config overrides it.
 *
 * Vectors that stay unchanged (`standardise: false`), embeddings for example, get the defaults of every other model
 * except for the adapter: the bare head, or all hidden layers if there are any. The same holds for a chosen adapter.
 */
export const tableRecipe = {
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
  // Kept examples vote for classes.
  forClasses: { memory: { policy: 'mixture', window: 100, widest: 128, bytes: 1_048_576 } },
} as const

/** `settings` are those of the base as they are written; what they lack is null or absent. */
function featuresDefaults(settings: Readonly<Record<string, unknown>>): ModelDefaults {
  if (settings.standardise === false) return { adapter: plainAdapter(settings.hidden) }
  const hidden = settings.hidden ?? tableRecipe.base.hidden
  // Without hidden layers only the head can learn.
  return { ...tableRecipe, adapter: isEmpty(hidden) ? { method: 'head' } : tableRecipe.adapter }
}

/** The default of every other model, lora on the last layers of an encoder, has no target module here. */
function plainAdapter(hidden: unknown): ModelDefaults['adapter'] {
  const isLinear = hidden === undefined || hidden === null || isEmpty(hidden)
  return isLinear ? { method: 'head' } : tableRecipe.adapter
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}
