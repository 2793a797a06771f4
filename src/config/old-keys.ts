/** Keys that moved: the old place still counts, with a warning, and what comes out has the new one alone. */
import type { Path } from './problem.ts'
import type { Config, ModelConfig } from './schema.ts'

type Warn = (path: Path, message: string) => void

export function withoutOldKeys(config: Config, warn: Warn): Config {
  const models = Object.entries(config.models).map(([name, model]) => {
    const warnHere: Warn = (path, message) => {
      warn(['models', name, ...path], message)
    }
    return [name, withKeep(withMaxTokens(model, warnHere), warnHere)]
  })
  return { ...config, models: Object.fromEntries(models) as Config['models'] }
}

/** `train.max_tokens`, of before answers said where a text was cut. */
function withMaxTokens(model: ModelConfig, warn: Warn): ModelConfig {
  const { max_tokens: old, ...train } = model.train
  if (old === undefined) return model
  warn(['train', 'max_tokens'], `counts for serving too: write max_tokens: ${old} beside base`)
  return { ...model, train, max_tokens: old }
}

/** `keep_versions`, of before versions were kept by time too. */
function withKeep({ keep_versions: old, ...model }: ModelConfig, warn: Warn): ModelConfig {
  if (old === undefined) return model
  const written = `{ last: ${old}, hourly: 0, daily: 0 }`
  warn(
    ['keep_versions'],
    `counts as keep: ${written}; write that, or leave hours and days as usual`,
  )
  return { ...model, keep: { ...model.keep, last: old, hourly: 0, daily: 0 } }
}
