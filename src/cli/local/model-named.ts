/** The model of a command: the named one, or the only one of the config. */
import type { Config } from '../../config/config.ts'
import { failure } from '../../platform/errors.ts'

export function modelNamed({ models }: Config, name: string | undefined): string {
  const names = Object.keys(models)
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined)
    throw failure('USAGE', `the config has ${names.join(', ')}: choose one with --model`, {
      fix: `add --model ${names[0]}`,
    })
  if (Object.hasOwn(models, chosen)) return chosen
  throw failure('MODEL_UNKNOWN', `the config has no model ${chosen}; it has ${names.join(', ')}`)
}
