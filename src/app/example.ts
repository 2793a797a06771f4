/** An example input of a model, and feedback about it, for /docs. */
import type { Json } from '../contracts/core.ts'
import type { Task } from '../contracts/task.ts'
import type { ModelConfig } from '../config/config.ts'
import type { ServedModel } from '../serving/services/served-model.ts'

export function exampleOf(
  config: ModelConfig,
  task: Pick<Task, 'facts' | 'start' | 'view'>,
): NonNullable<ServedModel['example']> {
  return { input: inputOf(config.base), says: task.view.example(task.facts(task.start)) }
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
