/** Turns a feedback signal into a target: all labels that hold, some that do and do not, or that a whole answer is wrong. */
import type { Json } from '../../contracts/core.ts'
import { isOf, type Payload } from '../../contracts/payload.ts'
import { labels as labelsSignal } from '../../payloads/signals/labels.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { yesNo } from '../../payloads/signals/yes-no.ts'
import { failure } from '../../platform/errors.ts'
import type { LabelRules } from '../labels/label-rules.ts'
import { checkLabel, knownLabel, refuseUnknown } from '../labels/named-label.ts'
import { renamedLabel } from '../labels/renamed-labels.ts'

/** An alias, because only that is assignable to Json. */
export type MultilabelTarget = Readonly<
  /** `yes` hold, and no others. */
  | { kind: 'all'; yes: readonly string[] }
  /** Nothing is known of the others. */
  | { kind: 'some'; yes: readonly string[]; no: readonly string[] }
  /** `yes` was answered, and at least one label of the model is in it wrongly, or missing. */
  | { kind: 'not'; yes: readonly string[] }
>

/** `known`: the labels of the head, and of all that waits. Throws a coded error for a label that cannot be learned. */
export function targetOf(
  signal: Payload,
  served: string | undefined,
  known: readonly string[],
  rules: LabelRules,
): MultilabelTarget {
  const read = (names: readonly string[]) => {
    const labels = names.map((name) => knownLabel(name, known, rules))
    for (const each of labels) refuseUnknown(each, known, rules)
    return [...new Set(labels)]
  }
  if (isOf(signal, labelsSignal)) return { kind: 'all', yes: read(signal.labels) }
  if (isOf(signal, rating)) return rated(signal.rating, served, rules)
  if (!isOf(signal, yesNo))
    throw failure('SIGNAL_UNSUPPORTED', `a multilabel learns labels, not a ${signal.kind}`)
  const [yes, no] = [read(signal.yes), read(signal.no)]
  const both = no.find((name) => yes.includes(name))
  if (both === undefined) return { kind: 'some', yes, no }
  throw failure('LABELS_INVALID', `"${both}" is in yes and in no, under its new name`)
}

/** Thumbs up: the answer was right as a whole. Thumbs down: it was not, and nothing says which label is to blame. */
function rated(
  given: 1 | -1,
  served: string | undefined,
  { retired, renamed }: LabelRules,
): MultilabelTarget {
  if (served === undefined || served === '')
    throw failure('RATING_NEEDS_PREDICTION', 'the rating refers to an answer that was not served')
  const yes = labelsServed(served).map((name) => renamedLabel(name, renamed))
  const kind = given === 1 ? 'all' : 'not'
  return { kind, yes: yes.filter((name) => !retired.includes(name)) }
}

/** The labels in the text of an answer, as `servedText` has written it. */
export function labelsServed(text: string): readonly string[] {
  try {
    const labels = JSON.parse(text) as Json
    return Array.isArray(labels) ? labels.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

export function servedText(labels: readonly string[]): string {
  return JSON.stringify(labels)
}

/** Throws a coded error for a label that the head cannot get. */
export function checkLearnable(
  target: MultilabelTarget,
  labels: readonly string[],
  rules: LabelRules,
): void {
  const known = [...labels]
  const isNew = target.kind !== 'not'
  for (const name of namedIn(target)) {
    checkLabel(name, isNew, known, rules)
    if (!known.includes(name)) known.push(name)
  }
}

export function namedIn(target: MultilabelTarget): readonly string[] {
  return target.kind === 'some' ? [...target.yes, ...target.no] : target.yes
}
