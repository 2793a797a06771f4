/** Classification: one column of the head per label. All code that knows about labels is in this folder. */
import type { TaskFacts } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { temperatureIn, usualAnswers, type AnswerSettings } from './answering.ts'
import { openClasses } from './classes.ts'
import { broughtBy, namedBy, sharedStart, spelledBy, unionOf } from './growth.ts'
import { classificationHead } from './head.ts'
import { labelForm } from './label-form.ts'
import { distilled, rowLoss } from './loss.ts'
import { ClassificationQuality } from './quality.ts'
import { renamedLabel, renamedLabels } from './renamed-labels.ts'
import { renamingOf } from './renaming.ts'
import { labelsIn, retiredAmong, revisedBy, withOldNamesRetired, type LabelRules } from './rules.ts'
import { decode, scoreOf, type Answer } from './score.ts'
import { classificationView } from './view.ts'
import { checkLearnable, targetOf, type LabelTarget } from './target.ts'

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
      const { kind } = signal
      if (kind !== 'rating' && kind !== 'retract') targetOf(signal, undefined, known, rules)
    },
    supersedes: ({ kind }) => kind === 'label',
    topic: (signal) => (signal.kind === 'label' ? signal.label : undefined),
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
    decode: (outputs, facts) =>
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
