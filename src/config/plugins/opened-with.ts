/** The settings for a plug-in's `open`: with all defaults, and durations in milliseconds. */
import type { Setting, Settings } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'
import { durationMs } from '../duration.ts'
import { isRecord } from '../schema/shape.ts'

/** `given` fits the settings: the config's schema has seen it. */
export function openedWith(
  settings: Settings,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(settings).flatMap(([name, setting]) => {
    const value = valueOf(setting, given[name])
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(entries)
}

function valueOf(setting: Setting, given: unknown): unknown {
  const value = given ?? ('default' in setting ? setting.default : undefined)
  if (value === undefined) return undefined
  if (setting.type === 'duration') {
    const ms = durationMs(value)
    invariant(ms !== undefined, `${JSON.stringify(value)} is a duration`)
    return ms
  }
  return setting.type === 'group' && isRecord(value) ? openedWith(setting.settings, value) : value
}
