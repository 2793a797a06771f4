/**
 * From a config entry such as `{ policy: reservoir, capacity: 2000 }` to the policy: the name chooses from a table,
 * absent settings get their defaults, and what is unknown or out of bounds is refused where it stands.
 */
import { CodedError, type Json } from '../src/contracts/core.ts'
import type { PolicyKind, Setting } from '../src/contracts/policy.ts'
import { durationMs } from './duration.ts'

export type PolicyTable<Policy> = Readonly<Record<string, PolicyKind<Policy>>>

export interface Chosen {
  readonly policy: string
  readonly [setting: string]: unknown
}

/** `kind` is the key of the config, for messages: `replay`, `trigger`, … */
export function openPolicy<Policy>(
  kind: string,
  table: PolicyTable<Policy>,
  { policy: name, ...given }: Chosen,
): Policy {
  const policy = Object.hasOwn(table, name) ? table[name] : undefined
  if (policy === undefined) throw invalid(`${kind}.policy`, name, Object.keys(table).join(', '))
  for (const key of Object.keys(given))
    if (!Object.hasOwn(policy.settings, key)) throw unknownKey(`${kind}.${key}`, name)
  const settings = Object.entries(policy.settings).map(([key, setting]) => [
    key,
    valueOf(`${kind}.${key}`, setting, given[key]),
  ])
  // Every setting was checked against the policy's own table, which its type is made of.
  return policy.open(Object.fromEntries(settings) as never)
}

function valueOf(field: string, setting: Setting, value: unknown): number | string {
  if (value === undefined && setting.type !== 'duration') return setting.default
  if (setting.type === 'choice') {
    const option = setting.options.find((name) => name === value)
    if (option !== undefined) return option
    throw invalid(field, value, setting.options.join(', '))
  }
  const { type, minimum, maximum } = setting
  if (setting.type === 'duration') return durationOf(field, setting, value)
  const fits = typeof value === 'number' && value >= minimum && value <= maximum
  if (fits && (type === 'number' || Number.isInteger(value))) return value
  throw invalid(field, value, `${type} from ${minimum} to ${maximum}`)
}

function durationOf(
  field: string,
  { minimum, maximum, default: byDefault }: Extract<Setting, { readonly type: 'duration' }>,
  value: unknown = byDefault,
): number {
  const ms = durationMs(value)
  if (ms === 0 || (ms !== undefined && ms >= minimum && ms <= maximum)) return ms
  throw invalid(field, value, `0, or a time from ${minimum}ms to ${maximum}ms such as 1s`)
}

function invalid(field: string, value: unknown, allowed: string): CodedError {
  const shown = JSON.stringify(value) as string | undefined
  return new CodedError('CONFIG_INVALID', `${field} is ${shown ?? 'absent'}; allowed: ${allowed}`, {
    details: { field, value: (shown ?? null) satisfies Json, allowed },
  })
}

function unknownKey(field: string, policy: string): CodedError {
  return new CodedError(
    'CONFIG_UNKNOWN_KEY',
    `${field}: the policy ${policy} has no such setting`,
    {
      details: { field },
    },
  )
}
