/** A choice by name in a config: its one key names the plug-in, and the value is that plug-in's settings. */
import type { Plugin, Setting, Settings } from '../../contracts/core.ts'
import type { BasePlugin } from '../../contracts/base.ts'
import { builtIn, type PluginTable } from '../schema/plugin-table.ts'
import { invariant } from '../../platform/errors.ts'
import type { BaseChoice, NamedChoice, SurfaceChoices } from '../schema/choices.ts'
import { durationMs, isRecord } from '../schema/shape.ts'

/** Opens the plug-in that a settled choice names. */
export function openChosen<Opened, Needs extends readonly unknown[]>(
  table: Readonly<Record<string, Plugin<Opened, Needs>>>,
  choice: NamedChoice,
  ...needs: Needs
): Opened {
  const [name = '', settings = {}] = Object.entries(choice)[0] ?? []
  const plugin = table[name]
  invariant(plugin !== undefined, `the schema of the config knows ${name}`)
  return plugin.open(openedWith(plugin.settings, settings), ...needs)
}

/** Those that are on. */
export async function openSurfaces<Opened, Needs extends readonly unknown[]>(
  { surfaces }: { readonly surfaces: Readonly<Record<string, Plugin<Promise<Opened>, Needs>>> },
  server: { readonly surfaces: SurfaceChoices },
  ...needs: Needs
): Promise<readonly Opened[]> {
  const opened = Object.entries(surfaces).flatMap(([name, plugin]) => {
    const given = server.surfaces[name] ?? {}
    return given === false ? [] : [plugin.open(openedWith(plugin.settings, given), ...needs)]
  })
  return Promise.all(opened)
}

/** The base that a settled config names, and its settings as its plug-in gets them. */
export function chosenBase(
  choice: BaseChoice,
  { bases }: Pick<PluginTable, 'bases'> = builtIn,
): {
  readonly plugin: BasePlugin
  readonly settings: Readonly<Record<string, unknown>>
} {
  const [name = '', value] =
    typeof choice === 'string' ? [choice, {}] : (Object.entries<unknown>(choice)[0] ?? [])
  const plugin = bases[name]
  invariant(plugin !== undefined, `the schema of the config knows the base ${name}`)
  const written = plugin.inline === undefined ? value : { [plugin.inline]: value }
  const settings = openedWith(plugin.settings, isRecord(written) ? written : {})
  return { plugin, settings }
}

/**
 * The settings for a plug-in's `open`: with all defaults, and durations in milliseconds.
 *
 * `given` fits the settings: the config's schema has seen it.
 */
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
