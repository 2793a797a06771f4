/**
 * The log: pino behind our `Logger`, written to stderr so that stdout is free for results. Readable lines on a
 * terminal, JSON otherwise. Values under secret-looking keys and all known secret values are masked.
 */
import { createRequire } from 'node:module'
import { pino, type DestinationStream } from 'pino'
import type * as pinoPretty from 'pino-pretty'
import type { Logger } from '../contracts/core.ts'

const require = createRequire(import.meta.url)

export interface LogOptions {
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format?: 'auto' | 'json' | 'pretty'
  /** Values that must never appear, such as the tokens of the config. Values added later are masked too. */
  readonly secrets?: readonly string[]
  readonly stream?: DestinationStream
}

export function openLog(options: LogOptions = {}): Logger {
  const stream = options.stream ?? pino.destination({ fd: 2, sync: true })
  const isTerminal = process.stderr.isTTY
  const isPretty = options.format === 'pretty' || (options.format !== 'json' && isTerminal)
  const shown = isPretty ? prettyInto(stream, isTerminal) : stream
  const family = new Family()
  const log = pino(
    {
      level: options.level ?? 'info',
      // A child logger keeps the level it was created with, so a change of level must reach every child.
      onChild: (child) => {
        family.add(child)
      },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (details) => withoutSecrets(details, 0),
      },
      // For the bindings of child loggers, which formatters do not see.
      redact: { paths: SECRET_NAMES, censor: CENSORED },
    },
    withoutValues(shown, options.secrets ?? []),
  )
  family.add(log)
  families.set(log, family)
  return log
}

/** Sets the level from now on, also for child loggers. No effect on a log that `openLog` did not create. */
export function setLogLevel(log: Logger, level: NonNullable<LogOptions['level']>): void {
  families.get(log)?.set(level)
}

interface LeveledEntry {
  level: string
}

/** Loggers in use, each with its own level. */
class Family {
  #members: WeakRef<LeveledEntry>[] = []
  #most = 64

  add(member: LeveledEntry): void {
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

/** Keyed by the log that `openLog` returned. */
const families = new WeakMap<Logger, Family>()

const CENSORED = '[secret]'
const SECRET_NAMES = ['authorization', 'cookie', 'token', 'tokens', 'password', 'secret', 'sasl']
const SECRET_KEY = new RegExp(`^(${SECRET_NAMES.join('|')})$`, 'i')
const DEEPEST = 6

/** Copies plain objects and lists down to a depth; errors and other classes go to pino unchanged. */
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

/** The last safety net: a token may be part of a URL or a message, where no key reveals it. */
function withoutValues(stream: DestinationStream, secrets: readonly string[]): DestinationStream {
  return {
    write: (line) => {
      const known = secrets.filter((secret) => secret !== '').map(inJson)
      stream.write(known.reduce((text, secret) => text.replaceAll(secret, CENSORED), line))
    },
  }
}

/** As a line of JSON spells it: with quotes and backslashes escaped. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** Synchronous, not through a stream, so that the last line before a crash is written too. */
function prettyInto(stream: DestinationStream, isTerminal: boolean): DestinationStream {
  // A daemon that writes JSON does without it.
  const { prettyFactory } = require('pino-pretty') as typeof pinoPretty
  const pretty = prettyFactory({ ignore: 'pid,hostname', colorize: isTerminal })
  return {
    write: (line) => {
      stream.write(pretty(line))
    },
  }
}
