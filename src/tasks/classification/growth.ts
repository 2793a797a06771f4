/** How the labels of a head become more: those of the settings, those that examples bring, those of another version. */
import { labelForm } from './label-form.ts'
import type { LabelTarget } from './target.ts'

/** So many labels are looked up one by one. */
const FEW = 4

/** `labels`, followed by those that only `others` have. */
export function unionOf(labels: readonly string[], others: readonly string[]): readonly string[] {
  // Nearly always: an event names a label that the head has.
  if (others.length <= FEW && others.every((label) => labels.includes(label))) return labels
  const head = new Set(labels)
  const added = [...new Set(others)].filter((label) => !head.has(label))
  return added.length === 0 ? labels : [...labels, ...added]
}

/** In the order of their first appearance. A target that only says what is wrong adds no label. */
export function broughtBy(targets: readonly LabelTarget[]): readonly string[] {
  return targets.flatMap(({ kind, label }) => (kind === 'label' ? [label] : []))
}

/** Labels that targets name; with `order`, those of it that they name. */
export function namedBy(
  targets: readonly LabelTarget[],
  order?: readonly string[],
): readonly string[] {
  const labels = new Set(targets.map(({ label }) => label))
  return order === undefined ? [...labels] : order.filter((label) => labels.has(label))
}

/** All but those that the head has in another spelling: it learned them before labels had only one. */
export function spelledBy(labels: readonly string[], head: readonly string[]): readonly string[] {
  const forms = new Set(head.map(labelForm))
  return labels.filter((label) => head.includes(label) || !forms.has(labelForm(label)))
}

/** How many leading labels are the same. */
export function sharedStart(one: readonly string[], other: readonly string[]): number {
  const differ = one.findIndex((label, at) => label !== other[at])
  return differ < 0 ? one.length : differ
}
