/** Turns a feedback signal into a target: a label, or only that one label is wrong. */
import { isOf, type Payload } from '../../contracts/payload.ts'
import { failure } from '../../platform/errors.ts'
import { label } from '../../payloads/signals/label.ts'
import { rating } from '../../payloads/signals/rating.ts'
import type { LabelRules } from '../labels/label-rules.ts'
import { checkLabel, knownLabel, refuseUnknown } from '../labels/named-label.ts'
import { renamedLabel } from '../labels/renamed-labels.ts'

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
  const target = isLabel
    ? { kind: signal.kind, label: knownLabel(signal.label, labels, rules) }
    : rated(signal.rating, served && renamedLabel(served, rules.renamed), labels, rules)
  refuseUnknown(target.label, labels, rules)
  return target
}

/** Throws a coded error for a label that the head cannot get. A wrong answer that is no known label teaches nothing. */
export function checkLearnable(
  { kind, label }: LabelTarget,
  labels: readonly string[],
  rules: LabelRules,
): void {
  checkLabel(label, kind === 'label', labels, rules)
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
