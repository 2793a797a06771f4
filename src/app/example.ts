/** An example input and label of a model, for /docs. */
import { labelsOf } from './parts.ts'
import type { Json } from '../contracts/core.ts'
import type { ModelConfig } from '../config/config.ts'
import type { ServedModel } from '../serving/services/served-model.ts'

export function exampleOf(config: ModelConfig): NonNullable<ServedModel['example']> {
  const { known, retired } = labelsOf(config)
  const label = known.find((each) => !retired.includes(each)) ?? 'positive'
  return { input: inputOf(config.base), label }
}

function inputOf(base: ModelConfig['base']): Json {
  if (typeof base === 'string' || !('features' in base)) return 'what a lovely phone'
  const { size, names, schema } = base.features
  if (schema !== undefined)
    return { features: Object.fromEntries(Object.entries(schema).map(valueOf)) }
  const features =
    names === undefined
      ? Array.from({ length: size ?? 1 }, () => 0.5)
      : Object.fromEntries(names.map((name) => [name, 0.5]))
  return { features }
}

type Declared = NonNullable<FeaturesConfig['schema']>[string]
type FeaturesConfig = Extract<ModelConfig['base'], { readonly features: unknown }>['features']

function valueOf([name, declared]: [string, Declared]): [string, Json] {
  const type = typeof declared === 'string' ? declared : declared.type
  if (type === 'boolean') return [name, true]
  return [name, type === 'category' ? 'acme' : 0.5]
}
