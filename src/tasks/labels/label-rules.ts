/** Which labels a model has: the settings of the task. */
import type { Json } from '../../contracts/core.ts'
import type { Head } from '../../contracts/example.ts'
import { failure } from '../../platform/errors.ts'

export interface LabelRules {
  /** Whether labels that are not known yet may be learned. */
  readonly open: boolean
  /** In order. All of them when `open` is false. */
  readonly known: readonly string[]
  /** Neither answered nor learned. Their columns of the head stay, in case they return. */
  readonly retired: readonly string[]
  /** Old name → new name: feedback with the old one means the new one. */
  readonly renamed?: Readonly<Record<string, string>> | undefined
  /** How many labels may answer. */
  readonly limit: number
}

/**
 * With old names among the retired ones: only a head that has the new name too has still the column of an old one, and two
 * names of one label must not both answer.
 */
export function withOldNamesRetired(rules: LabelRules): LabelRules {
  const { retired, renamed = {} } = rules
  return { ...rules, retired: [...new Set([...retired, ...Object.keys(renamed)])] }
}

/** The head of a task with labels is the list of them. */
export function labelsIn(head: Head): readonly string[] {
  if (!isList(head)) throw failure('CHECKPOINT_FOREIGN', 'a head without labels')
  return head as readonly string[]
}

/** Array.isArray does not narrow a readonly array. */
function isList(head: Head): head is readonly Head[] {
  return Array.isArray(head)
}

export function retiredAmong(
  labels: readonly string[],
  retired: readonly string[],
): readonly string[] {
  return retired.length === 0 ? retired : labels.filter((label) => retired.includes(label))
}

/** The places of the labels that may answer. */
export function answeringColumns(
  labels: readonly string[],
  retired: readonly string[],
): readonly number[] {
  const all = [...labels.keys()]
  return retired.length === 0 ? all : all.filter((at) => !retired.includes(labels[at] ?? ''))
}

/**
 * Why the answers differ from those when `before` was retired; undefined if they do not. A version's answers depend on
 * what the settings retire or restore.
 */
export function revisedBy(
  labels: readonly string[],
  retired: readonly string[],
  before: Json,
): string | undefined {
  const was = retiredAmong(labels, before as readonly string[])
  const now = retiredAmong(labels, retired)
  if (JSON.stringify(was) === JSON.stringify(now)) return undefined
  const [gone, back] = [missing(now, was), missing(was, now)]
  return [
    ...(gone.length > 0 ? [`retired: ${gone.join(', ')}`] : []),
    ...(back.length > 0 ? [`no longer retired: ${back.join(', ')}`] : []),
  ].join('; ')
}

function missing(some: readonly string[], from: readonly string[]): readonly string[] {
  return some.filter((label) => !from.includes(label))
}
