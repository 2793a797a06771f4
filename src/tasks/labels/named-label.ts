/** Whether a label that feedback names can be learned: its spelling, and what is refused, with a hint. */
import { failure } from '../../platform/errors.ts'
import { editDistance, nearest } from '../../platform/nearest.ts'
import { labelForm } from '../../payloads/signals/label.ts'
import type { LabelRules } from './label-rules.ts'
import { renamedLabel } from './renamed-labels.ts'

/** A label as feedback names it, as the head spells it; `labels` are those of the head, and of all that waits. */
export function knownLabel(
  label: string,
  labels: readonly string[],
  { renamed }: Pick<LabelRules, 'renamed'>,
): string {
  return spelled(renamedLabel(label, renamed), labels)
}

/** Throws a coded error for a label that is retired, or that a closed list lacks. */
export function refuseUnknown(
  label: string,
  labels: readonly string[],
  { open, retired }: Pick<LabelRules, 'open' | 'retired'>,
): void {
  if (retired.includes(label))
    throw failure('LABEL_RETIRED', `"${label}" is retired`, { details: { label, retired } })
  if (open || labels.includes(label)) return
  throw unknownLabel(
    label,
    labels.filter((known) => !retired.includes(known)),
  )
}

/** Throws a coded error for a label that the head cannot get. `isNew`: it may be one that the head lacks. */
export function checkLabel(
  label: string,
  isNew: boolean,
  labels: readonly string[],
  { open, limit, retired }: LabelRules,
): void {
  if (labels.includes(label)) return
  const details = { label }
  if (!open || !isNew)
    throw failure('LABEL_UNKNOWN', `the head has no label "${label}"`, { details })
  // A retired label makes room for another one.
  const answering = labels.filter((known) => !retired.includes(known)).length
  if (answering >= limit)
    throw failure('LABELS_FULL', `"${label}" would be one more than ${limit}`, { details })
}

/** A thousand long labels, named for each of a thousand events, would be a hundred megabytes. */
const NAMED_LABELS = 20
const NAMED_CHARACTERS = 400

function unknownLabel(label: string, labels: readonly string[]): Error {
  let characters = 0
  const long = labels.findIndex((name) => (characters += name.length) > NAMED_CHARACTERS)
  const named = labels.slice(0, long < 0 ? NAMED_LABELS : Math.min(NAMED_LABELS, long))
  const more = labels.length - named.length
  const rest = more === 0 ? '' : `, and ${more} more`
  const near = nearLabel(label, labels, named)
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  const message = `"${label}" is none of the labels: ${named.join(', ')}${rest}${hint}`
  return failure('LABEL_UNKNOWN', message, { details: { label, labels: named } })
}

/** Longer ones would make a thousand refusals slow. */
const COMPARED_CHARACTERS = 40

/** The label in other case, or the one of those named that differs in at most half its letters. */
function nearLabel(label: string, labels: readonly string[], named: readonly string[]) {
  const lower = label.toLowerCase()
  const twin = labels.find((name) => name.toLowerCase() === lower)
  if (twin !== undefined || label.length > COMPARED_CHARACTERS) return twin
  const inLowerCase = named.map((name) => name.toLowerCase())
  const near = nearest(lower, inLowerCase)
  if (near === undefined || 2 * editDistance(lower, near) > lower.length) return undefined
  return named[inLowerCase.indexOf(near)]
}

/** As the head spells it: a label that was learned before labels had one spelling keeps its own. */
function spelled(label: string, labels: readonly string[]): string {
  if (labels.includes(label)) return label
  return labels.find((known) => labelForm(known) === label) ?? label
}
