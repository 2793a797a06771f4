/** The configuration of a command: the file of --config, this process's environment, and the flags. */
import { loadConfig, type Config } from '../config/config.ts'
import { modelProblems, openCheaply } from '../config/model-problems.ts'
import { configFailure } from '../config/problem.ts'
import { writtenModels } from '../config/shards.ts'
import { failure } from '../platform/errors.ts'
import type { ConfigFlags } from './flags.ts'

/** `overrides` are flags of the command itself; --set overrides them. */
export function readConfig(
  flags: ConfigFlags,
  overrides: readonly string[] = [],
  warn: (message: string) => void = toStderr,
): Config {
  return loadConfig(flags.config, {
    environment: process.env,
    flags: [...overrides, ...(flags.set ?? [])],
    workingFolder: process.cwd(),
    warn,
  })
}

function toStderr(message: string): void {
  process.stderr.write(`warning: ${message}\n`)
}

/**
 * `config check` also opens everything that is cheap to open: a config that can never start is refused here.
 *
 * Throws CONFIG_INVALID with every model that cannot start, and the reason.
 */
export async function checkModels(config: Config, path: string): Promise<void> {
  const problems = await modelProblems(config, openCheaply)
  if (problems.length > 0) throw configFailure(problems, () => path)
}

/** The model of a command: the named one, or the only one of the config. */
export function modelNamed(config: Config, name: string | undefined): string {
  const names = Object.keys(writtenModels(config))
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined)
    throw failure('USAGE', `the config has ${names.join(', ')}: choose one with --model`, {
      fix: `add --model ${names[0]}`,
    })
  if (Object.hasOwn(config.models, chosen)) return chosen
  throw failure('MODEL_UNKNOWN', `the config has no model ${chosen}; it has ${names.join(', ')}`)
}
