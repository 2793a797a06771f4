/** Multilabel: independent labels of one input. One column of the head per label, and any number of them is the answer. */
import type { TaskFacts } from '../../contracts/example.ts'
import { isOf } from '../../contracts/payload.ts'
import type { Classes, Task } from '../../contracts/task.ts'
import { sigmoid } from '../../nn/sigmoid.ts'
import { labels as labelsSignal } from '../../payloads/signals/labels.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { yesNo } from '../../payloads/signals/yes-no.ts'
import { labelList, presentNames } from '../labels/label-list.ts'
import {
  answeringColumns,
  labelsIn,
  withOldNamesRetired,
  type LabelRules,
} from '../labels/label-rules.ts'
import { renamedLabel, renamedLabels } from '../labels/renamed-labels.ts'
import { multilabelHead } from './head.ts'
import { MultilabelQuality } from './quality.ts'
import { distilled, judged, rowLoss, scoreOf, type AnsweringLabels } from './score.ts'
import { checkLearnable, labelsServed, namedIn, targetOf, type MultilabelTarget } from './target.ts'
import { multilabelView, type Answer } from './view.ts'

/** The stratum of examples without a label. */
const NONE = ''

export function openMultilabel(settings: LabelRules): Task<MultilabelTarget, Answer> {
  const rules = withOldNamesRetired(settings)
  const { known, retired, renamed } = rules
  const answers = (text: string) => renamedLabels(labelsServed(text), renamed)
  return {
    ...multilabelHead,
    view: multilabelView,

    ...labelList<MultilabelTarget>(settings, {
      // What only says that an answer is wrong adds no label.
      brought: (target) => (target.kind === 'not' ? [] : namedIn(target)),
      named: namedIn,
      withNames(target, nameOf) {
        const yes = target.yes.map(nameOf)
        return target.kind === 'some'
          ? { ...target, yes, no: target.no.map(nameOf) }
          : { ...target, yes }
      },
    }),
    check: (target, head) => {
      checkLearnable(target, labelsIn(head), rules)
    },

    target: (signal, served, head) => targetOf(signal, served, labelsIn(head), rules),
    admit(signal) {
      // The meaning of a rating depends on its prediction, which the trainer looks up.
      if (!isOf(signal, rating)) targetOf(signal, undefined, known, rules)
    },
    topics(signal) {
      const named = isOf(signal, labelsSignal)
        ? signal.labels
        : isOf(signal, yesNo)
          ? signal.yes
          : []
      return named.map((label) => renamedLabel(label, renamed))
    },

    loss: (row, head, gradient) => rowLoss(row, { labels: labelsIn(head), retired }, gradient),
    distil: distilled,
    score: (outputs, target, head) => scoreOf(outputs, target, { labels: labelsIn(head), retired }),
    judge: (served, target) => judged(answers(served), target),
    confused(served, target) {
      const shown = (labels: readonly string[]) => [...labels].sort().join(', ') || '(none)'
      return target.kind === 'all' ? [shown(answers(served)), shown(target.yes)] : undefined
    },
    present(facts) {
      const { labels, retired } = presentNames(facts, rules)
      const { thresholds, threshold } = facts
      return {
        labels,
        ...(facts.retired !== undefined && { retired }),
        ...(thresholds !== undefined && { thresholds: presentCuts(thresholds, rules) }),
        ...(threshold !== undefined && { threshold }),
      }
    },
    decode: (outputs, { facts }) =>
      decoded(outputs, presentNames(facts, rules), cutIn(facts, rules)),

    strata: ({ yes }) => (yes.length === 0 ? [NONE] : yes),
    size: (target) => namedIn(target).reduce((sum, label) => sum + label.length, 0),
    isTest: ({ kind }) => kind !== 'not',
    shown(target) {
      if (target.kind === 'some') return { yes: target.yes, no: target.no }
      return target.kind === 'all' ? { labels: target.yes } : { not_labels: target.yes }
    },
    classes: openClasses(retired),

    openQuality: (most) => new MultilabelQuality(most, retired),
  }
}

/** Labels as columns of the head. An example of several labels, or of none, has no class of its own. */
function openClasses(retired: readonly string[]): Classes<MultilabelTarget> {
  return {
    columns(target, head) {
      const labels = labelsIn(head)
      if (target.kind === 'not') return []
      return namedIn(target).flatMap((label) => {
        const at = labels.indexOf(label)
        return at < 0 ? [] : [{ at, isRight: target.yes.includes(label) }]
      })
    },
    known(target, head) {
      const labels = labelsIn(head)
      const columnsOf = (names: readonly string[]) =>
        names.map((name) => labels.indexOf(name)).filter((at) => at >= 0)
      const yes = columnsOf(target.yes)
      if (target.kind === 'some') return { yes, no: columnsOf(target.no) }
      return { yes, no: 'others', ...(target.kind === 'not' && { isWrong: true as const }) }
    },
    names: labelsIn,
    answered: (output) => (output as Answer).labels.map(({ label }) => label),
    answering: (head) => answeringColumns(labelsIn(head), retired),
    vote: () => undefined,
    voted: () => undefined,
  }
}

type Cuts = Readonly<Record<string, number>>

function presentCuts(thresholds: TaskFacts[string], { renamed }: LabelRules): Cuts {
  const entries = Object.entries(thresholds as Cuts)
  return Object.fromEntries(entries.map(([label, cut]) => [renamedLabel(label, renamed), cut]))
}

/** The score from which on a label is answered, as the version has it. */
function cutIn({ thresholds = {}, threshold }: TaskFacts, rules: LabelRules) {
  const own = new Map(Object.entries(presentCuts(thresholds, rules)))
  const other = typeof threshold === 'number' ? threshold : 0.5
  return (label: string) => own.get(label) ?? other
}

function decoded(
  outputs: Float32Array,
  { labels, retired }: AnsweringLabels,
  cutOf: (label: string) => number,
): Answer {
  const scores = labels.flatMap((label, at): [string, number][] =>
    retired.includes(label) ? [] : [[label, sigmoid(outputs[at] ?? 0)]],
  )
  const said = scores.filter(([label, score]) => score >= cutOf(label))
  return {
    labels: said.toSorted(([, a], [, b]) => b - a).map(([label, score]) => ({ label, score })),
    scores: Object.fromEntries(scores),
    ...(scores.length === 0 && { isSilent: true as const }),
  }
}
