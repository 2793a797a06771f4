/** Which labels a model has: the settings of the task. */
import type { Head } from '../../contracts/task.ts'
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

/** The head of a classification is its labels, one for each column. */
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
