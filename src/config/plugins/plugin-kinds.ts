/** The kinds of plug-ins that a user may add, and what each kind opens. */
import type { PluginTable } from '../schema/plugin-table.ts'

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
  'policy.promotion': ['decide'],
  'policy.rollout': ['begin', 'observe', 'snapshot', 'restore'],
  'policy.rollback': ['decide', 'snapshot', 'restore'],
  base: ['name', 'hash', 'reads', 'rows', 'network', 'weights', 'encode'],
  method: ['parameters', 'adaptation', 'fold', 'peftConfig', 'toDisk', 'fromDisk'],
  task: ['view', 'start', 'grown', 'facts', 'target', 'admit', 'loss', 'score', 'decode'],
  surface: ['prefix', 'errors', 'addTo'],
} as const

export type PluginKind = keyof typeof members

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
