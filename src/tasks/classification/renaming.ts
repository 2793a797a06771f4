/**
 * Labels of a checkpoint under their present names in the settings: columns of the head, examples and counts keep their
 * place. Events and predictions with the old name mean the new one.
 */
import type { Json } from '../../contracts/core.ts'
import type { Renaming } from '../../contracts/task.ts'
import { renamedLabels, type Renamed } from './renamed-labels.ts'
import type { LabelTarget } from './target.ts'

/** Undefined if the head has no label of an old name. */
export function renamingOf(
  labels: readonly string[],
  renamed: Renamed,
): Renaming<LabelTarget> | undefined {
  const names = renamedLabels(labels, renamed)
  const moves = new Map(labels.map((label, at) => [label, names[at] ?? label]))
  const changed = [...moves].filter(([label, name]) => label !== name)
  if (changed.length === 0) return undefined
  const nameOf = (label: string) => moves.get(label) ?? label
  const moved = changed.map(([label, name]) => `${label} → ${name}`).join(', ')
  return {
    head: names,
    reason: `labels renamed: ${moved}`,
    target: (target) => ({ ...target, label: nameOf(target.label) }),
    name: (name) => (typeof name === 'string' ? nameOf(name) : name),
    state: (state) => namedIn(state, nameOf),
  }
}

/** Where state is kept by label, labels stand in lists, or by themselves under these keys. Keys of events hold a NUL. */
const SINGLE: ReadonlySet<string> = new Set(['majority', 'last'])

/** Names of the users' own stand under these, and may be those of labels too. */
const OTHERS: ReadonlySet<string> = new Set(['sources', 'slices'])

function namedIn(value: Json, nameOf: (label: string) => string): Json {
  if (Array.isArray(value))
    return value.map((item: Json) =>
      typeof item === 'string' ? nameOf(item) : namedIn(item, nameOf),
    )
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]: [string, Json]) => [
    key,
    renamedAt(key, item, nameOf),
  ])
  return Object.fromEntries(entries) as Json
}

function renamedAt(key: string, value: Json, nameOf: (label: string) => string): Json {
  if (OTHERS.has(key)) return value
  return SINGLE.has(key) && typeof value === 'string' ? nameOf(value) : namedIn(value, nameOf)
}
