/** Classification: one column of the head per label, of which one is the answer. */
import type { Head } from '../../contracts/example.ts'
import type { Task, Classes } from '../../contracts/task.ts'
import { temperatureIn, usualAnswers, type AnswerSettings } from './answering.ts'
import { classificationHead } from './head.ts'
import { isOf } from '../../contracts/payload.ts'
import { label } from '../../payloads/signals/label.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { labelList, presentNames } from '../labels/label-list.ts'
import {
  answeringColumns,
  labelsIn,
  withOldNamesRetired,
  type LabelRules,
} from '../labels/label-rules.ts'
import { renamedLabels } from '../labels/renamed-labels.ts'
import { distilled, rowLoss } from './loss.ts'
import { ClassificationQuality } from './quality.ts'
import { decode, scoreOf, type Answer } from './score.ts'
import { classificationView } from './view.ts'
import { checkLearnable, targetOf, type LabelTarget } from './target.ts'

export function openClassification(
  settings: LabelRules,
  answering: AnswerSettings = usualAnswers,
): Task<LabelTarget, Answer> {
  const rules = withOldNamesRetired(settings)
  const { known, retired, renamed } = rules
  return {
    ...classificationHead,
    view: classificationView,

    ...labelList<LabelTarget>(settings, {
      // A target that only says what is wrong adds no label.
      brought: ({ kind, label }) => (kind === 'label' ? [label] : []),
      named: ({ label }) => [label],
      withNames: (target, nameOf) => ({ ...target, label: nameOf(target.label) }),
    }),
    check: (target, head) => {
      checkLearnable(target, labelsIn(head), rules)
    },

    target: (signal, served, head) => targetOf(signal, served, labelsIn(head), rules),
    admit(signal) {
      // The meaning of a rating depends on its prediction, which the trainer looks up.
      if (!isOf(signal, rating)) targetOf(signal, undefined, known, rules)
    },
    topics: (signal) => (isOf(signal, label) ? [signal.label] : []),

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

    strata: ({ label }) => [label],
    size: ({ label }) => label.length,
    isTest: ({ kind }) => kind === 'label',
    shown: ({ kind, label }) => (kind === 'label' ? { label } : { not_label: label }),
    classes: openClasses(retired),

    openQuality: (most) => new ClassificationQuality(most, answering),
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

    answered: (output) => [(output as Answer).label].filter((label) => label !== ''),

    answering: (head) => answeringColumns(labelsIn(head), retired),

    vote: ({ kind, label }) => (kind === 'label' ? label : undefined),

    voted: (vote, head) => (retired.includes(vote as string) ? undefined : placeOf(vote, head)),
  }
}

function placeOf(vote: unknown, head: Head): number | undefined {
  const at = labelsIn(head).indexOf(vote as string)
  return at < 0 ? undefined : at
}
