/**
 * Opens a policy from a config entry such as `{ policy: reservoir, capacity: 2000 }`: the name selects from a table,
 * absent settings get their defaults, and unknown or invalid ones are refused with their place.
 */
import { CodedError, type Json, type Setting } from '../../contracts/core.ts'
import type { PolicyTable } from '../../contracts/policy.ts'
import { durationMs } from '../schema/shape.ts'
import { openedWith } from './chosen.ts'
import type { Problem } from '../problem.ts'
import { schemaOf } from '../schema/setting-schema.ts'
import { settle } from '../schema/settle.ts'

export interface ChosenPolicy {
  readonly policy: string
  readonly [setting: string]: unknown
}

/** `kind` is the key of the config, for messages: `replay`, `trigger`, … */
export function openPolicy<Policy>(
  kind: string,
  table: PolicyTable<Policy>,
  { policy: name, ...given }: ChosenPolicy,
): Policy {
  const policy = Object.hasOwn(table, name) ? table[name] : undefined
  if (policy === undefined) throw invalid(`${kind}.policy`, name, Object.keys(table).join(', '))
  for (const [key, value] of Object.entries(given)) {
    const setting = Object.hasOwn(policy.settings, key) ? policy.settings[key] : undefined
    if (setting === undefined) throw unknownKey(`${kind}.${key}`, name)
    const allowed = value === undefined || fits(setting, value) ? undefined : allowedIn(setting)
    if (allowed !== undefined) throw invalid(`${kind}.${key}`, value, allowed)
  }
  // Every setting was checked against the policy's own table, from which its type derives.
  return policy.open(openedWith(policy.settings, given) as never)
}

export interface NamedPolicy<Policy> {
  readonly name: string
  readonly policy: Policy
}

/** One or several of a kind, in the order of the config. */
export function openPolicies<Policy>(
  kind: string,
  table: PolicyTable<Policy>,
  chosen: ChosenPolicy | readonly ChosenPolicy[],
): readonly NamedPolicy<Policy>[] {
  return [chosen]
    .flat()
    .map((each) => ({ name: each.policy, policy: openPolicy(kind, table, each) }))
}

/** A trigger in numbers: how many events start an update, and after which idle time fewer do. */
export function triggerHint({
  every,
  most,
  rest,
  rest_ms: restMs,
  every_ms: everyMs,
}: ChosenPolicy) {
  const numbers = [every, most].filter((value) => typeof value === 'number')
  const times = [durationMs(rest), restMs, everyMs].filter((value) => typeof value === 'number')
  return { every: numbers[0] ?? 1, restMs: times[0] ?? 0 }
}

function fits(setting: Setting, value: unknown): boolean {
  const problems: Problem[] = []
  // In a file null means the default; here it is no value.
  if (value === null) return false
  // typebox's types do not name the keywords of JSON Schema; its objects have them.
  settle(schemaOf(setting), value, [], {
    report: (problem) => problems.push(problem),
    folderOf: () => '.',
  })
  return problems.length === 0
}

function allowedIn(setting: Setting): string {
  if (setting.type === 'choice') return setting.options.join(', ')
  if (setting.type === 'duration')
    return `0, or a time from ${setting.minimum}ms to ${setting.maximum}ms such as 1s`
  if (setting.type !== 'integer' && setting.type !== 'number') return setting.type
  const { type, minimum = '-∞', maximum = '∞' } = setting
  return `${type} from ${minimum} to ${maximum}`
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
    { details: { field } },
  )
}
