/** Turns a feedback signal into a target: a label, or only that one label is wrong. */
import { isOf, type Payload } from '../../contracts/payload.ts'
import { failure } from '../../platform/errors.ts'
import { editDistance, nearest } from '../../platform/nearest.ts'
import { label, labelForm } from '../../payloads/signals/label.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { renamedLabel } from './renamed-labels.ts'
import type { LabelRules } from './rules.ts'

export type LabelTarget =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'not'; readonly label: string }

/** `labels` are those of the head, and of all that waits. Throws a coded error for a label that cannot be learned. */
export function targetOf(
  signal: Payload,
  served: string | undefined,
  labels: readonly string[],
  rules: LabelRules,
): LabelTarget {
  const isLabel = isOf(signal, label)
  if (!isLabel && !isOf(signal, rating))
    throw failure('SIGNAL_UNSUPPORTED', `a classification learns labels, not a ${signal.kind}`)
  const { open, retired, renamed } = rules
  const target = isLabel
    ? { kind: signal.kind, label: spelled(renamedLabel(signal.label, renamed), labels) }
    : rated(signal.rating, served && renamedLabel(served, renamed), labels, rules)
  const named = target.label
  if (retired.includes(named))
    throw failure('LABEL_RETIRED', `"${named}" is retired`, { details: { label: named, retired } })
  if (open || labels.includes(named)) return target
  throw unknownLabel(
    named,
    labels.filter((known) => !retired.includes(known)),
  )
}

/** Throws a coded error for a label that the head cannot get. */
export function checkLearnable(
  { kind, label }: LabelTarget,
  labels: readonly string[],
  { open, limit, retired }: LabelRules,
): void {
  if (labels.includes(label)) return
  const details = { label }
  // A wrong answer that is no known label teaches nothing.
  if (!open || kind === 'not')
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

/** Thumbs down on one of two closed labels says the other; elsewhere it says only which answer was wrong. */
function rated(
  rating: 1 | -1,
  served: string | undefined,
  known: readonly string[],
  { open, retired }: LabelRules,
): LabelTarget {
  const labels = known.filter((label) => !retired.includes(label))
  if (served === undefined || served === '')
    throw failure('RATING_NEEDS_PREDICTION', 'the rating refers to an answer that was not served')
  if (rating === 1) return { kind: 'label', label: served }
  const others = labels.filter((label) => label !== served)
  const [other] = others
  const decided = !open && labels.length === 2 && others.length === 1
  return decided && other !== undefined
    ? { kind: 'label', label: other }
    : { kind: 'not', label: served }
}
