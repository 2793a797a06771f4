/** Classification: one column of the head per label. All code that knows about labels is in this folder. */
import type { TaskFacts, Head } from '../../contracts/example.ts'
import type { Task, Classes, Renaming } from '../../contracts/task.ts'
import { caseTwins } from '../../platform/nearest.ts'
import { temperatureIn, usualAnswers, type AnswerSettings } from './answering.ts'
import { classificationHead } from './head.ts'
import { isOf } from '../../contracts/payload.ts'
import { label, labelForm } from '../../payloads/signals/label.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { distilled, rowLoss } from './loss.ts'
import { ClassificationQuality } from './quality.ts'
import { renamedLabel, renamedLabels, type LabelNames } from './renamed-labels.ts'
import { labelsIn, retiredAmong, revisedBy, withOldNamesRetired, type LabelRules } from './rules.ts'
import { decode, scoreOf, type Answer } from './score.ts'
import { classificationView } from './view.ts'
import { checkLearnable, targetOf, type LabelTarget } from './target.ts'
import type { Json } from '../../contracts/core.ts'

export function openClassification(
  settings: LabelRules,
  answering: AnswerSettings = usualAnswers,
): Task<LabelTarget, Answer> {
  const rules = withOldNamesRetired(settings)
  const { known, open, retired, renamed } = rules
  return {
    ...classificationHead,
    view: classificationView,

    start: known,
    grown: (head, targets) => unionOf(labelsIn(head), broughtBy(targets)),
    union: (head, other) => unionOf(labelsIn(head), labelsIn(other)),
    declared(head, also = []) {
      const others = labelsIn(also)
      return unionOf(spelledBy(known, [...labelsIn(head), ...others]), others)
    },
    named: (targets, order) => namedBy(targets, order === undefined ? order : labelsIn(order)),
    shared: (one, other) => sharedStart(labelsIn(one), labelsIn(other)),
    warnings(head) {
      const labels = labelsIn(head).filter((label) => !retired.includes(label))
      return caseTwins(labels).map((twins) => `the labels ${twins} differ only in case`)
    },
    check: (target, head) => {
      checkLearnable(target, labelsIn(head), rules)
    },

    facts(head) {
      const gone = retiredAmong(labelsIn(head), retired)
      return { labels: head, ...(gone.length > 0 && { retired: gone }) }
    },
    headOf: ({ labels = [] }) => renamedLabels(labelsIn(labels), renamed),

    target: (signal, served, head) => targetOf(signal, served, labelsIn(head), rules),
    admit(signal) {
      // The meaning of a rating depends on its prediction, which the trainer looks up.
      if (!isOf(signal, rating)) targetOf(signal, undefined, known, rules)
    },
    topic: (signal) => (isOf(signal, label) ? signal.label : undefined),
    // As events spell it, under any of its names.
    selected: (selection) =>
      'label' in selection
        ? renamedLabel(labelForm(selection.label as string), renamed)
        : undefined,

    loss: (row, head, gradient) => rowLoss(row, { labels: labelsIn(head), retired }, gradient),
    distil: distilled,
    score: (outputs, target, head) => scoreOf(outputs, target, { labels: labelsIn(head), retired }),
    // The answer may be from before a label was renamed.
    judge(served, { kind, label }) {
      const isIt = renamedLabels([served], renamed)[0] === label
      return Number((kind === 'label') !== isIt)
    },
    confused(served, { kind, label }) {
      const [said = served] = renamedLabels([served], renamed)
      return kind === 'label' && served !== '' ? [said, label] : undefined
    },
    present(facts) {
      const { labels, retired } = presentNames(facts, rules)
      return {
        labels,
        ...(facts.retired !== undefined && { retired }),
        ...(facts.calibration !== undefined && { calibration: facts.calibration }),
      }
    },
    decode: (outputs, { facts }) =>
      decode(outputs, presentNames(facts, rules), {
        temperature: temperatureIn(facts),
        unsure: answering.unsure,
      }),

    stratum: ({ label }) => label,
    silent: retired,
    size: ({ label }) => label.length,
    isTest: ({ kind }) => kind === 'label',
    shown: ({ kind, label }) => (kind === 'label' ? { label } : { not_label: label }),
    classes: openClasses(retired),

    retired,
    retiredIn: (facts) => facts.retired ?? [],
    revised: (head, before) => revisedBy(labelsIn(head), retired, before),
    foreign(head) {
      const isLost = (label: string) => !known.includes(label) && !retired.includes(label)
      const lost = open ? [] : labelsIn(head).filter((label) => isLost(labelForm(label)))
      if (lost.length === 0) return undefined
      return { what: 'labels', saved: lost.join(', '), present: known.join(', ') }
    },
    renaming: (head) => renamingOf(labelsIn(head), renamed),
    openQuality: (most) => new ClassificationQuality(most, answering),
  }
}

function presentNames({ labels = [], retired = [] }: TaskFacts, { renamed }: LabelRules) {
  const [before, gone] = [labelsIn(labels), labelsIn(retired)]
  const names = renamedLabels(before, renamed)
  return {
    labels: names,
    retired: names.filter((_, at) => gone.includes(before[at] ?? '')),
  }
}

/** Labels as columns of the head: for closed forms, for kNN memory, and where columns compete. */
function openClasses(retired: readonly string[]): Classes<LabelTarget> {
  return {
    columns({ kind, label }, head) {
      const at = labelsIn(head).indexOf(label)
      return at < 0 ? [] : [{ at, isRight: kind === 'label' }]
    },

    names: labelsIn,

    answering: (head) => answering(labelsIn(head), retired),

    vote: ({ kind, label }) => (kind === 'label' ? label : undefined),

    voted: (vote, head) => (retired.includes(vote as string) ? undefined : placeOf(vote, head)),
  }
}

function answering(labels: readonly string[], retired: readonly string[]): readonly number[] {
  const all = [...labels.keys()]
  return retired.length === 0 ? all : all.filter((at) => !retired.includes(labels[at] ?? ''))
}

function placeOf(vote: unknown, head: Head): number | undefined {
  const at = labelsIn(head).indexOf(vote as string)
  return at < 0 ? undefined : at
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

/** In the order of their first appearance. A target that only says what is wrong adds no label. */
function broughtBy(targets: readonly LabelTarget[]): readonly string[] {
  return targets.flatMap(({ kind, label }) => (kind === 'label' ? [label] : []))
}

/** Labels that targets name; with `order`, those of it that they name. */
function namedBy(targets: readonly LabelTarget[], order?: readonly string[]): readonly string[] {
  const labels = new Set(targets.map(({ label }) => label))
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
function renamingOf(
  labels: readonly string[],
  renamed: LabelNames,
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
