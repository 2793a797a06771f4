/**
 * The log: pino behind our `Logger`, to stderr so that stdout stays for answers. Lines for people on a terminal, JSON
 * otherwise. What looks like a secret by its key, and every secret value that is known, never reaches a line.
 */
import { pino, type DestinationStream } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Logger } from '../contracts/core.ts'

export interface LogOptions {
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format?: 'auto' | 'json' | 'pretty'
  /** Values that must not appear anywhere, such as the tokens of the config. One that is added later counts too. */
  readonly secrets?: readonly string[]
  readonly stream?: DestinationStream
  /** Whether a person reads it on a terminal; absent = what stderr is. A child whose stderr is piped is given its parent's. */
  readonly isTerminal?: boolean | undefined
}

export function openLog(options: LogOptions = {}): Logger {
  const stream = options.stream ?? pino.destination({ fd: 2, sync: true })
  const isTerminal = options.isTerminal ?? process.stderr.isTTY
  const isPretty = options.format === 'pretty' || (options.format !== 'json' && isTerminal)
  const shown = isPretty ? prettyInto(stream, isTerminal) : stream
  const family = new Family()
  const log = pino(
    {
      level: options.level ?? 'info',
      // A child keeps the level that it was made with: all are told of another one.
      onChild: (child) => {
        family.add(child)
      },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (details) => withoutSecrets(details, 0),
      },
      // For the bindings of children, which formatters do not see.
      redact: { paths: SECRET_NAMES, censor: CENSORED },
    },
    withoutValues(shown, options.secrets ?? []),
  )
  family.add(log)
  families.set(log, family)
  return log
}

/** From now on, also of its children. Nothing for a log that is not ours. */
export function setLogLevel(log: Logger, level: NonNullable<LogOptions['level']>): void {
  families.get(log)?.set(level)
}

interface Leveled {
  level: string
}

/** Loggers that are still used, each with a level of its own. */
class Family {
  #members: WeakRef<Leveled>[] = []
  #most = 64

  add(member: Leveled): void {
    this.#members.push(new WeakRef(member))
    if (this.#members.length < this.#most) return
    this.#members = this.#members.filter((each) => each.deref() !== undefined)
    this.#most = 64 + 2 * this.#members.length
  }

  set(level: string): void {
    for (const each of this.#members) {
      const member = each.deref()
      if (member !== undefined) member.level = level
    }
  }
}

/** By the log that `openLog` answered. */
const families = new WeakMap<Logger, Family>()

const CENSORED = '[secret]'
const SECRET_NAMES = ['authorization', 'cookie', 'token', 'tokens', 'password', 'secret', 'sasl']
const SECRET_KEY = new RegExp(`^(${SECRET_NAMES.join('|')})$`, 'i')
const DEEPEST = 6

/** Copies plain objects and lists down to a depth; errors and other classes go to pino as they are. */
function withoutSecrets(
  details: Readonly<Record<string, unknown>>,
  depth: number,
): Record<string, unknown> {
  const entries = Object.entries(details).map(([key, value]) => [
    key,
    SECRET_KEY.test(key) ? CENSORED : clean(value, depth + 1),
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

function clean(value: unknown, depth: number): unknown {
  if (depth > DEEPEST || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1))
  const isPlain = Object.getPrototypeOf(value) === Object.prototype
  return isPlain ? withoutSecrets(value as Record<string, unknown>, depth) : value
}

/** The last net: a token may stand inside a URL or a message, where no key betrays it. */
function withoutValues(stream: DestinationStream, secrets: readonly string[]): DestinationStream {
  return {
    write: (line) => {
      const known = secrets.filter((secret) => secret !== '')
      stream.write(known.reduce((text, secret) => text.replaceAll(secret, CENSORED), line))
    },
  }
}

/** In the same call, not through a stream, so that the last line before a crash is seen too. */
function prettyInto(stream: DestinationStream, isTerminal: boolean): DestinationStream {
  const pretty = prettyFactory({ ignore: 'pid,hostname', colorize: isTerminal })
  return {
    write: (line) => {
      stream.write(pretty(line))
    },
  }
}
