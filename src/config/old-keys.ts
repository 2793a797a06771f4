/** Renamed and moved keys: the old one is still accepted, with a warning, and only the new one reaches the daemon. */
import type { Path } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import { isRecord } from './schema/shape.ts'

type Warn = (path: Path, message: string) => void

/** Keys of a model: old name → new name. */
const renamed = { forgetting: 'regularizer' } as const

/** Renames keys before the schema sees the tree. If a model has both names, the old one stays, and the schema refuses it. */
export function withNewKeys(tree: unknown, warn: Warn): unknown {
  if (!isRecord(tree) || !isRecord(tree.models)) return tree
  const models = Object.entries(tree.models).map(([name, model]) => {
    if (!isRecord(model)) return [name, model] as const
    const entries = Object.entries(model).map(([key, value]) => {
      const next = Object.hasOwn(renamed, key) ? renamed[key as keyof typeof renamed] : undefined
      if (next === undefined || Object.hasOwn(model, next)) return [key, value] as const
      warn(['models', name, key], `is now called ${next}: rename the key`)
      return [next, value] as const
    })
    return [name, Object.fromEntries(entries)] as const
  })
  return { ...tree, models: Object.fromEntries(models) }
}

/** Where the file may have the place of a problem: under the new name of a key, then under the old one. */
export function oldPath(path: Path): Path {
  const [root, model, key, ...rest] = path
  const old = Object.entries(renamed).find(([, next]) => next === key)?.[0]
  if (root !== 'models' || model === undefined || old === undefined) return path
  return [root, model, old, ...rest]
}

export function withoutOldKeys(config: Config, warn: Warn): Config {
  const models = Object.entries(config.models).map(([name, model]) => {
    const warnHere: Warn = (path, message) => {
      warn(['models', name, ...path], message)
    }
    return [name, withKeep(withMaxTokens(model, warnHere), warnHere)]
  })
  return { ...config, models: Object.fromEntries(models) as Config['models'] }
}

/** `train.max_tokens`, the key before answers reported where a text was cut. */
function withMaxTokens(model: ModelConfig, warn: Warn): ModelConfig {
  const { max_tokens: old, ...train } = model.train
  if (old === undefined) return model
  warn(['train', 'max_tokens'], `also applies to serving: write max_tokens: ${old} beside base`)
  return { ...model, train, max_tokens: old }
}

/** `keep_versions`, the key before versions were also kept by time. */
function withKeep({ keep_versions: old, ...model }: ModelConfig, warn: Warn): ModelConfig {
  if (old === undefined) return model
  const written = `{ last: ${old}, hourly: 0, daily: 0 }`
  warn(
    ['keep_versions'],
    `counts as keep: ${written}; write that, or leave out hourly and daily for their defaults`,
  )
  return { ...model, keep: { ...model.keep, last: old, hourly: 0, daily: 0 } }
}
