/** A classification with some labels, for tests of everything around it. */
import { usualAnswers, type AnswerSettings } from '../../src/tasks/classification/answering.ts'
import { openClassification } from '../../src/tasks/classification/classification.ts'
import type { LabelRules } from '../../src/tasks/classification/rules.ts'

export function classificationOf(
  rules: Partial<LabelRules> = {},
  answering?: Partial<AnswerSettings>,
) {
  const all = { open: false, known: [], retired: [], limit: 1024, ...rules }
  return openClassification(all, { ...usualAnswers, ...answering })
}
