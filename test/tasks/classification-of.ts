/** A classification with some labels, for tests of everything around it. */
import type { TaskFacts } from '../../src/contracts/example.ts'
import type { AnsweredRow } from '../../src/contracts/task.ts'
import { usualAnswers, type AnswerSettings } from '../../src/tasks/classification/answering.ts'
import { openClassification } from '../../src/tasks/classification/classification.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'

export function classificationOf(
  rules: Partial<LabelRules> = {},
  answering?: Partial<AnswerSettings>,
) {
  const all = { open: false, known: [], retired: [], limit: 1024, ...rules }
  return openClassification(all, { ...usualAnswers, ...answering })
}

/** Where the row does not matter: the facts of a version. */
export function ofRow(facts: TaskFacts): AnsweredRow {
  return { facts, row: { data: new Float32Array() } }
}
