/**
 * What SIGHUP may change in a running configuration: keys that are read on each use, and keys of the trainer, which is
 * restarted while the server keeps answering. Everything else stays unchanged and is reported.
 */
import { innerLimits, limitsOf } from '../platform/limits.ts'
import { canonicalJson } from '../platform/canonical-json.ts'
import { setLogLevel } from '../platform/log.ts'
import type { Json, Logger } from '../contracts/core.ts'
import type { Config } from './schema/schema.ts'

export type Where = 'server' | 'trainer' | 'log'

export interface Change {
  readonly path: readonly string[]
  /** Undefined: the key was removed. */
  readonly value: unknown
  readonly where: Where
}

export interface Changes {
  readonly allowed: readonly Change[]
  /** Keys that need a restart. */
  readonly refused: readonly string[]
}

/** One pattern per line; `*` is any single key, and a pattern includes everything below it. */
const patterns: readonly (readonly [pattern: string, where: Where])[] = [
  ['log.level', 'log'],
  ['server.auth', 'server'],
  ['server.rate_limits', 'server'],
  // Read by the server and by the trainer, for each event.
  ['limits.event_bytes', 'trainer'],
  ['limits.text_characters', 'trainer'],
  ['limits.labels', 'trainer'],
  ['limits.latent_bytes', 'trainer'],
  ['limits.kernel_memory_bytes', 'trainer'],
  ['limits.event_log', 'trainer'],
  ['limits.set_aside', 'trainer'],
  ['limits.defended_sources', 'trainer'],
  ['models.*.defence', 'trainer'],
  ['models.*.trigger', 'trainer'],
  ['models.*.budget', 'trainer'],
  ['models.*.rate', 'trainer'],
  ['models.*.train.learning_rate', 'trainer'],
  ['models.*.train.head_learning_rate', 'trainer'],
]

/** Changes `config` as far as it may change while the daemon runs, logs the rest, and says which parts have to look. */
export function takeOver(config: Config, next: Config, log: Logger): ReadonlySet<Where> {
  const { allowed, refused } = changesBetween(config, next)
  const message = 'this key cannot change while the daemon runs, and stays as it is: restart it'
  for (const key of refused) log.warn({ key }, message)
  applyChanges(config, allowed)
  const parts = new Set(allowed.map(({ where }) => where))
  if (parts.has('log')) setLogLevel(log, config.log.level)
  // Keys alone: a value may be a token.
  const changed = allowed.map(({ path }) => path.join('.'))
  log.info({ changed, refused }, 'the configuration was read again')
  return parts
}

export function changesBetween(before: Config, after: Config): Changes {
  const paths = differing(before, after, []).filter(([section, key = '']) => {
    const isInner = section === 'limits' && Object.hasOwn(innerLimits, key)
    return !isInner
  })
  const allowed = new Map<string, Change>()
  const refused: string[] = []
  for (const path of paths) {
    const found = patterns.find(([pattern]) => isBelow(path, pattern.split('.')))
    if (found === undefined) {
      refused.push(path.join('.'))
      continue
    }
    const [pattern, where] = found
    // A policy changes as a whole, because its settings depend on its name.
    const whole = path.slice(0, pattern.split('.').length)
    allowed.set(whole.join('.'), { path: whole, value: at(after, whole), where })
  }
  return { allowed: [...allowed.values()], refused }
}

/** Writes into the shared configuration: the only place that does. */
export function applyChanges(config: Config, changes: readonly Change[]): void {
  for (const { path, value } of changes) {
    const holder = at(config, path.slice(0, -1)) as Record<string, unknown> | undefined
    const key = path.at(-1)
    if (holder === undefined || key === undefined) continue
    if (value === undefined) Reflect.deleteProperty(holder, key)
    else holder[key] = value
  }
  Object.assign(config.limits, limitsOf(config.limits))
}

function isBelow(path: readonly string[], pattern: readonly string[]): boolean {
  if (path.length < pattern.length) return false
  return pattern.every((part, index) => part === '*' || part === path[index])
}

function differing(
  before: unknown,
  after: unknown,
  path: readonly string[],
): (readonly string[])[] {
  if (isMapping(before) && isMapping(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...keys].flatMap((key) => differing(before[key], after[key], [...path, key]))
  }
  return isSame(before, after) ? [] : [path]
}

function isSame(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before === after
  return canonicalJson(before as Json) === canonicalJson(after as Json)
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isMapping(inner) ? inner[key] : undefined), value)
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
