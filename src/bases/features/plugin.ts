/** The base `features` as a plug-in: numbers and categories. */
import type { Json } from '../../contracts/core.ts'
import type { BasePlugin, ModelOnBase } from '../../contracts/base.ts'
import { featuresFaults } from './check.ts'
import { featuresDefaults } from './defaults.ts'
import { settings, type FeaturesSettings } from './settings.ts'

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
