/** The shape of a user's plug-in, and what is wrong with one. */
import type { Plugin, Setting } from '../../contracts/core.ts'
import type { Problem } from '../problem.ts'
import { schemaOf } from '../schema/setting-schema.ts'
import { settle } from '../schema/settle.ts'
import { isRecord } from '../schema/shape.ts'
import type { PluginTable } from '../schema/plugin-table.ts'

/** The kinds of plug-ins that a user may add, and what each kind opens. */

/** Kind → the members that an opened plug-in of it must have. */
const members = {
  source: ['name', 'open', 'read', 'commit', 'lag', 'close'],
  'sink.dead_letters': ['write', 'close'],
  'sink.predictions': ['write', 'close'],
  'policy.replay': ['offer', 'draw', 'remove', 'keys', 'snapshot', 'restore'],
  'policy.regularizer': ['penalty', 'observe', 'snapshot', 'restore'],
  'policy.memory': ['voice', 'every', 'offer'],
  'policy.trigger': ['needsScore', 'observe', 'snapshot', 'restore'],
  'policy.rate': ['begin', 'factor', 'snapshot', 'restore'],
  'policy.few_shot': ['passes', 'batch', 'isDue', 'factor', 'loss'],
  'policy.exploration': ['next'],
  'policy.promotion': ['decide'],
  'policy.rollout': ['begin', 'observe', 'snapshot', 'restore'],
  'policy.rollback': ['decide', 'snapshot', 'restore'],
  base: ['name', 'hash', 'reads', 'rows', 'network', 'weights', 'encode'],
  method: ['parameters', 'adaptation', 'fold', 'peftConfig', 'toDisk', 'fromDisk'],
  task: ['view', 'start', 'grown', 'facts', 'target', 'admit', 'loss', 'score', 'decode'],
  surface: ['prefix', 'errors', 'addTo'],
} as const

type PluginKind = keyof typeof members

export const pluginKinds = Object.keys(members) as readonly PluginKind[]

/** The first member that something opened by a plug-in of this kind lacks. */
export function missingMember(kind: PluginKind, opened: unknown): string | undefined {
  const has = (member: string) => typeof opened === 'object' && opened !== null && member in opened
  return members[kind].find((member) => !has(member))
}

/** Kinds that stand in the table by themselves. */
const plainKinds: Readonly<Partial<Record<PluginKind, keyof PluginTable>>> = {
  base: 'bases',
  method: 'methods',
  task: 'tasks',
  surface: 'surfaces',
  source: 'sources',
}

export function namedIn(table: PluginTable, kind: PluginKind): Readonly<Record<string, unknown>> {
  const [group = '', member = ''] = kind.split('.')
  const plain = plainKinds[kind]
  if (plain !== undefined) return table[plain]
  const named: Readonly<Record<string, Readonly<Record<string, unknown>>>> =
    group === 'sink' ? table.sinks : table.policies
  return named[member] ?? {}
}

/** The table with more plug-ins of this kind. */
export function withNamed(
  table: PluginTable,
  kind: PluginKind,
  more: Readonly<Record<string, unknown>>,
): PluginTable {
  const [group, member = ''] = kind.split('.')
  const named = { ...namedIn(table, kind), ...more }
  const plain = plainKinds[kind]
  if (plain !== undefined) return { ...table, [plain]: named }
  const key = group === 'sink' ? 'sinks' : 'policies'
  return { ...table, [key]: { ...table[key], [member]: named } }
}

/** The export of a module: one as `plugin`, or several as `plugins`. */
export type OwnPlugin = Plugin<unknown, never[]> & {
  readonly kind: PluginKind
  /** As the config names it. */
  readonly name: string
}

const NAME = /^[a-z0-9][a-z0-9._+-]{0,63}$/

const types: readonly string[] =
  'integer number boolean text path choice duration list map group constant either'.split(' ')

/** A clause that follows the module's path; undefined for a plug-in. */
export function shapeFault(plugin: unknown): string | undefined {
  if (!isRecord(plugin))
    return 'exports something else than { kind, name, summary, settings, open }'
  const { kind, name, summary, settings, open } = plugin
  if (!pluginKinds.some((known) => known === kind))
    return `has the kind ${JSON.stringify(kind)}; known: ${pluginKinds.join(', ')}`
  if (typeof name !== 'string' || !NAME.test(name))
    return `has the name ${JSON.stringify(name)}, which is not of the form ${NAME.source}`
  if (typeof summary !== 'string' || summary === '') return `(${name}) has no summary`
  if (typeof open !== 'function') return `(${name}) has no function open`
  if (!isRecord(settings)) return `(${name}) has no settings; write settings: {} for none`
  for (const [key, setting] of Object.entries(settings)) {
    const fault = key === 'policy' ? 'is a reserved name' : settingFault(setting)
    if (fault !== undefined) return `(${name}): settings.${key} ${fault}`
  }
  return undefined
}

function settingFault(setting: unknown): string | undefined {
  if (!isRecord(setting)) return 'is not a mapping such as { type, default, description }'
  const { type } = setting
  if (typeof type !== 'string' || !types.includes(type))
    return `has the type ${JSON.stringify(type)}; known: ${types.join(', ')}`
  return innerFault(setting as unknown as Setting) ?? defaultFault(setting as unknown as Setting)
}

function innerFault(setting: Setting): string | undefined {
  if (setting.type === 'choice' && !Array.isArray(setting.options)) return 'has no list of options'
  if (setting.type === 'duration' && typeof setting.default !== 'string')
    return 'has no default such as 1s'
  if (setting.type === 'constant' && !('value' in setting)) return 'has no value'
  if (setting.type === 'text') return patternFault(setting.pattern)
  if (setting.type === 'group') {
    if (!isRecord(setting.settings)) return 'has no settings'
    const faults = Object.values(setting.settings).map(settingFault)
    return faults.find((fault) => fault !== undefined)
  }
  if (setting.type === 'map') return patternFault(setting.names) ?? settingFault(setting.of)
  if (setting.type === 'list') return settingFault(setting.of)
  if (setting.type !== 'either') return undefined
  if (!Array.isArray(setting.of)) return 'has no list of settings'
  return setting.of.map(settingFault).find((fault) => fault !== undefined)
}

function patternFault(pattern: string | undefined): string | undefined {
  try {
    new RegExp(pattern ?? '')
    return undefined
  } catch {
    return `has the pattern ${JSON.stringify(pattern)}, which is no regular expression`
  }
}

function defaultFault(setting: Setting): string | undefined {
  if (!('default' in setting)) return undefined
  const problems: Problem[] = []
  settle(schemaOf(setting), setting.default, [], {
    report: (problem) => problems.push(problem),
    folderOf: () => '.',
  })
  const [problem] = problems
  return problem && `has the default ${JSON.stringify(setting.default)}, which ${problem.message}`
}
