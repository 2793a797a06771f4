/**
 * A user's own plug-ins: modules that a config names by path (`plugins: [./my-source.mjs]`), each with one plug-in or a
 * list of them. They are loaded without waiting, so a module must not await at its top level.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { guarded } from './guarded-plugin.ts'
import { builtIn, type PluginTable } from '../schema/plugin-table.ts'
import { shapeFault, type OwnPlugin, namedIn, withNamed } from './plugin-shape.ts'

const tables = new Map<string, PluginTable>()

/** The built-in plug-ins and those of these modules. Throws a coded error for a module that cannot be used. */
export function pluginsOf({ plugins }: { readonly plugins: readonly string[] }): PluginTable {
  const key = plugins.join('\0')
  const table = tables.get(key) ?? plugins.reduce(withModule, builtIn)
  tables.set(key, table)
  return table
}

/** The table with the plug-ins of one more module. */
export function withModule(table: PluginTable, path: string): PluginTable {
  return pluginsIn(path).reduce((all, plugin) => withPlugin(all, plugin, path), table)
}

function pluginsIn(path: string): readonly OwnPlugin[] {
  const exported = load(path)
  const listed = exported.plugins ?? (exported.plugin === undefined ? undefined : [exported.plugin])
  if (!Array.isArray(listed) || listed.length === 0)
    throw invalid(path, 'exports neither plugin nor plugins')
  return listed.map((plugin: unknown) => {
    const fault = shapeFault(plugin)
    if (fault !== undefined) throw invalid(path, fault)
    return plugin as OwnPlugin
  })
}

function load(path: string): { readonly plugin?: unknown; readonly plugins?: unknown } {
  if (!existsSync(path))
    throw failure('PLUGIN_MISSING', `there is no module ${path}`, { details: { path } })
  try {
    // Loads modules of both kinds, and answers the same module as `import` does.
    return createRequire(import.meta.url)(path) as object
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw failure('PLUGIN_BROKEN', `${path} cannot be loaded: ${why}`, { details: { path }, cause })
  }
}

function withPlugin(table: PluginTable, plugin: OwnPlugin, path: string): PluginTable {
  const { kind, name } = plugin
  const taken = Object.keys(namedIn(table, kind))
  if (taken.includes(name))
    throw failure('PLUGIN_NAME_TAKEN', `${path}: ${name} is a ${kind} already`, {
      details: { path, kind, name, taken },
    })
  return withNamed(table, kind, { [name]: guarded(plugin, path) })
}

function invalid(path: string, fault: string): CodedError {
  return failure('PLUGIN_INVALID', `${path} ${fault}`, { details: { path } })
}
