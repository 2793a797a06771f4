/** The configuration of a command: the file of --config, this process's environment, and the flags. */
import { loadConfig, type Config } from '../config/config.ts'
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
