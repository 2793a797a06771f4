/** Flags that several commands share, each defined once. */
import { InvalidArgumentError, Option, type Command } from 'commander'

export interface ClientFlags {
  /** Absent = as the config of this folder says. */
  readonly url?: string
  readonly token?: string
  readonly timeout: number
  readonly model?: string
  readonly json?: boolean
}

/** The meaning of `--undone` of every command that makes a version answer. */
export const UNDONE = 'also a version that a rollback has taken back'

/** For commands that talk to a running daemon. */
export function withClient(command: Command): Command {
  return command
    .addOption(
      fromEnvironment(
        'ANTIKYTHERA_MODEL',
        new Option('-m, --model <name>', 'optional if the daemon serves only one'),
      ),
    )
    .addOption(
      fromEnvironment(
        'ANTIKYTHERA_URL',
        new Option(
          '--url <url>',
          'URL of the daemon; absent = server.host and server.port of ./antikythera.yaml, otherwise http://127.0.0.1:8080',
        ),
      ),
    )
    .addOption(
      fromEnvironment(
        'ANTIKYTHERA_TOKEN',
        new Option('--token <token>', 'if the daemon requires one'),
      ),
    )
    .option('--timeout <seconds>', 'timeout for one answer', positiveNumber, 60)
    .option('--json', 'print one JSON document')
}

/**
 * For commands about one model: it is the first argument, or --model. The action receives the argument first;
 * `aboutModel` moves it into the flags.
 */
export function withModel(command: Command): Command {
  return withClient(command).argument('[model]', 'optional if the daemon serves only one')
}

/** For commands about some of the events that a model does not learn: which ones, and why. `own` is one option more. */
export function withSelection(
  command: Command,
  own: readonly [flag: string, text: string],
): Command {
  return withModel(command)
    .option('--source <name>', 'only events from this source')
    .option(...own)
    .option('--label <label>', 'only events with this label')
    .option('--since <time>', 'only events since then, such as 2026-11-24T10:00:00Z')
    .option('--reason <text>', 'recorded in the history')
}

export function aboutModel<Flags extends ClientFlags>(
  model: string | undefined,
  flags: Flags,
): Flags {
  // --model has a default in the environment, which an argument overrides.
  return model === undefined ? flags : { ...flags, model }
}

/** `why v12` means the version if --model or the daemon determines the model. */
export function modelAndVersion(
  first: string | undefined,
  second: string | undefined,
): { readonly model?: string | undefined; readonly version?: string | undefined } {
  const isVersion = first !== undefined && second === undefined && /^v\d+$/.test(first)
  return isVersion ? { version: first } : { model: first, version: second }
}

export interface ConfigFlags {
  readonly config: string
  readonly set?: readonly string[]
}

/** For commands that read the configuration of a daemon. */
export function withConfig(command: Command): Command {
  return command
    .addOption(
      fromEnvironment(
        'ANTIKYTHERA_CONFIG',
        new Option('-c, --config <path>', 'YAML file').default('antikythera.yaml'),
      ),
    )
    .option('--set <key.path=value...>', 'overrides one key of the file')
}

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('give a number above 0')
}

export function shareBelowOne(text: string): number {
  const value = Number(text)
  if (value > 0 && value < 1) return value
  throw new InvalidArgumentError('give a number above 0 and below 1, such as 0.1')
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('give a whole number above 0')
}

export function countOrZero(text: string): number {
  return text.trim() === '0' ? 0 : wholeNumber(text)
}

export function finiteNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new InvalidArgumentError('give a number')
}

/** An empty variable counts as unset, as in most programs: `ANTIKYTHERA_URL= antikythera status`. */
function fromEnvironment(variable: string, option: Option): Option {
  return process.env[variable] === '' ? option : option.env(variable)
}
