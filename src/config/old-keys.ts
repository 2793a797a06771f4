/** Renamed and moved keys: the old one is still accepted, with a warning, and only the new one reaches the daemon. */
import type { Path } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import { isRecord } from './schema/shape.ts'

type Warn = (path: Path, message: string) => void

interface KeyRenaming {
  /** The key of a model that the renamed one stands under; absent = it is a key of the model. */
  readonly under?: string
  readonly old: string
  readonly next: string
}

const renamed: readonly KeyRenaming[] = [
  { old: 'forgetting', next: 'regularizer' },
  { under: 'adapter', old: 'sites', next: 'target_modules' },
]

/** Renames keys before the schema sees the tree. If both names are given, the old one stays, and the schema refuses it. */
export function withNewKeys(tree: unknown, warn: Warn): unknown {
  if (!isRecord(tree) || !isRecord(tree.models)) return tree
  const models = Object.entries(tree.models).map(([name, model]): readonly [string, unknown] => [
    name,
    renamed.reduce((value, each) => withNewKey(value, each, ['models', name], warn), model),
  ])
  return { ...tree, models: Object.fromEntries(models) }
}

function withNewKey(value: unknown, { under, old, next }: KeyRenaming, path: Path, warn: Warn) {
  if (!isRecord(value)) return value
  if (under !== undefined) {
    if (!Object.hasOwn(value, under)) return value
    const inner: unknown = withNewKey(value[under], { old, next }, [...path, under], warn)
    return { ...value, [under]: inner }
  }
  if (!Object.hasOwn(value, old) || Object.hasOwn(value, next)) return value
  warn([...path, old], `is now called ${next}: rename the key`)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key === old ? next : key, each]),
  )
}

/** Finds the place of a problem in the file: under the new name of a key, or else under its old name. */
export function oldPath(path: Path): Path {
  const [root, model, ...keys] = path
  if (root !== 'models' || model === undefined) return path
  for (const { under, old, next } of renamed) {
    const at = under === undefined ? 0 : 1
    if (keys[at] === next && (under === undefined || keys[0] === under))
      return [root, model, ...keys.with(at, old)]
  }
  return path
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
