/**
 * The labels of a model as the outputs of its head: how the list grows, is declared, renamed and retired. The same for every
 * task with labels, whatever its targets are.
 */
import type { Json } from '../../contracts/core.ts'
import type { TaskFacts } from '../../contracts/example.ts'
import type { Renaming, Task } from '../../contracts/task.ts'
import { labelForm } from '../../payloads/signals/label.ts'
import { caseTwins } from '../../platform/nearest.ts'
import {
  labelsIn,
  retiredAmong,
  revisedBy,
  withOldNamesRetired,
  type LabelRules,
} from './label-rules.ts'
import { renamedLabel, renamedLabels, type LabelNames } from './renamed-labels.ts'

/** What the list has to know of a task's targets. */
export interface TargetLabels<Target> {
  /** Labels that the head gets with it, if it lacks them. */
  readonly brought: (target: Target) => readonly string[]
  /** All that it names. */
  readonly named: (target: Target) => readonly string[]
  /** The target under other names. */
  readonly withNames: (target: Target, nameOf: (label: string) => string) => Target
}

type LabelParts =
  | 'start'
  | 'grown'
  | 'union'
  | 'declared'
  | 'named'
  | 'shared'
  | 'warnings'
  | 'facts'
  | 'headOf'
  | 'selected'
  | 'silent'
  | 'retired'
  | 'retiredIn'
  | 'revised'
  | 'foreign'
  | 'renaming'

/** The methods of a task that are about its labels alone. `shared` counts labels, as if each had one output. */
export function labelList<Target>(
  settings: LabelRules,
  of: TargetLabels<Target>,
): Pick<Task<Target>, LabelParts> {
  const { known, open, retired, renamed } = withOldNamesRetired(settings)
  return {
    start: known,
    grown: (head, targets) => unionOf(labelsIn(head), targets.flatMap(of.brought)),
    union: (head, other) => unionOf(labelsIn(head), labelsIn(other)),
    declared(head, also = []) {
      const others = labelsIn(also)
      return unionOf(spelledBy(known, [...labelsIn(head), ...others]), others)
    },
    named: (targets, order) =>
      namedBy(targets.flatMap(of.named), order === undefined ? order : labelsIn(order)),
    shared: (one, other) => sharedStart(labelsIn(one), labelsIn(other)),
    warnings(head) {
      const labels = labelsIn(head).filter((label) => !retired.includes(label))
      return caseTwins(labels).map((twins) => `the labels ${twins} differ only in case`)
    },

    facts(head) {
      const gone = retiredAmong(labelsIn(head), retired)
      return { labels: head, ...(gone.length > 0 && { retired: gone }) }
    },
    headOf: ({ labels = [] }) => renamedLabels(labelsIn(labels), renamed),

    // As events spell it, under any of its names.
    selected: (selection) =>
      'label' in selection
        ? renamedLabel(labelForm(selection.label as string), renamed)
        : undefined,

    silent: retired,
    retired,
    retiredIn: (facts) => facts.retired ?? [],
    revised: (head, before) => revisedBy(labelsIn(head), retired, before),
    foreign(head) {
      const isLost = (label: string) => !known.includes(label) && !retired.includes(label)
      const lost = open ? [] : labelsIn(head).filter((label) => isLost(labelForm(label)))
      if (lost.length === 0) return undefined
      return { what: 'labels', saved: lost.join(', '), present: known.join(', ') }
    },
    renaming: (head) => renamingOf(labelsIn(head), renamed, of.withNames),
  }
}

/** Those of a version under their present names. */
export function presentNames(
  { labels = [], retired = [] }: TaskFacts,
  { renamed }: Pick<LabelRules, 'renamed'>,
) {
  const [before, gone] = [labelsIn(labels), labelsIn(retired)]
  const names = renamedLabels(before, renamed)
  return {
    labels: names,
    retired: names.filter((_, at) => gone.includes(before[at] ?? '')),
  }
}

/** So many labels are looked up one by one. */
const FEW = 4

/** `labels`, followed by those that only `others` have. */
function unionOf(labels: readonly string[], others: readonly string[]): readonly string[] {
  // Nearly always: an event names a label that the head has.
  if (others.length <= FEW && others.every((label) => labels.includes(label))) return labels
  const head = new Set(labels)
  const added = [...new Set(others)].filter((label) => !head.has(label))
  return added.length === 0 ? labels : [...labels, ...added]
}

/** Labels that are named; with `order`, those of it that are. */
function namedBy(names: readonly string[], order?: readonly string[]): readonly string[] {
  const labels = new Set(names)
  return order === undefined ? [...labels] : order.filter((label) => labels.has(label))
}

/** All but those that the head has in another spelling: it learned them before labels had only one. */
function spelledBy(labels: readonly string[], head: readonly string[]): readonly string[] {
  const forms = new Set(head.map(labelForm))
  return labels.filter((label) => head.includes(label) || !forms.has(labelForm(label)))
}

/** How many leading labels are the same. */
function sharedStart(one: readonly string[], other: readonly string[]): number {
  const differ = one.findIndex((label, at) => label !== other[at])
  return differ < 0 ? one.length : differ
}

/**
 * Labels of a checkpoint under their present names in the settings: columns of the head, examples and counts keep their
 * place. Events and predictions with the old name mean the new one.
 *
 * Undefined if the head has no label of an old name.
 */
function renamingOf<Target>(
  labels: readonly string[],
  renamed: LabelNames,
  withNames: TargetLabels<Target>['withNames'],
): Renaming<Target> | undefined {
  const names = renamedLabels(labels, renamed)
  const moves = new Map(labels.map((label, at) => [label, names[at] ?? label]))
  const changed = [...moves].filter(([label, name]) => label !== name)
  if (changed.length === 0) return undefined
  const nameOf = (label: string) => moves.get(label) ?? label
  const moved = changed.map(([label, name]) => `${label} → ${name}`).join(', ')
  return {
    head: names,
    reason: `labels renamed: ${moved}`,
    target: (target) => withNames(target, nameOf),
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
