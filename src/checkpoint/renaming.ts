/**
 * A checkpoint whose labels the config has renamed: the rows of the head, the examples and what was counted keep their place
 * under the new name. Events and predictions that still say the old one mean the new one (`Vocabulary.renamed`).
 */
import type { Json } from '../contracts/core.ts'
import type { Target } from '../contracts/task.ts'
import { renamedLabels } from '../tasks/classification/renamed-labels.ts'
import type { RestoreVersion } from '../trainer/restore-version.ts'
import type { LearnerState } from '../learner/learner-types.ts'
import { withExamples } from './rewritten.ts'
import type { Saved } from './saved.ts'
import type { Moved } from '../learner/succession.ts'

/** Undefined where the head has no label of an old name. */
export function renamedIn(saved: Saved, { loop }: Pick<RestoreVersion, 'loop'>): Moved | undefined {
  const { labels } = saved.weights
  const names = renamedLabels(labels, loop.labels.renamed)
  const moves = new Map(labels.map((label, at) => [label, names[at] ?? label]))
  const changed = [...moves].filter(([label, name]) => label !== name)
  if (changed.length === 0) return undefined
  const nameOf = (label: string) => moves.get(label) ?? label
  const told = changed.map(([label, name]) => `${label} → ${name}`).join(', ')
  return { saved: renamed(saved, names, nameOf), reason: `labels renamed: ${told}` }
}

function renamed(saved: Saved, names: readonly string[], nameOf: (label: string) => string): Saved {
  const targetOf = (target: Target): Target => ({ ...target, label: nameOf(target.label) })
  const rows = withExamples(saved, (row) => ({ ...row, target: targetOf(row.target) }))
  const { weights, mind, memorised, progress, setAside } = rows
  return {
    ...rows,
    weights: { ...weights, labels: names },
    mind: namedIn(mind, nameOf) as LearnerState,
    setAside: setAside.map((entry) =>
      entry.label === undefined ? entry : { ...entry, label: nameOf(entry.label) },
    ),
    progress: { ...progress, retired: progress.retired.map(nameOf) },
    ...(memorised && {
      memorised: memorised.map((item) => ({ ...item, label: nameOf(item.label) })),
    }),
  }
}

/** Where state is kept by label, labels stand in lists, or by themselves under these keys. Keys of events hold a NUL. */
const SINGLE: ReadonlySet<string> = new Set(['majority', 'last'])

function namedIn(value: Json, nameOf: (label: string) => string): Json {
  if (Array.isArray(value))
    return value.map((item: Json) =>
      typeof item === 'string' ? nameOf(item) : namedIn(item, nameOf),
    )
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]: [string, Json]) => [
    key,
    SINGLE.has(key) && typeof item === 'string' ? nameOf(item) : namedIn(item, nameOf),
  ])
  return Object.fromEntries(entries) as Json
}
