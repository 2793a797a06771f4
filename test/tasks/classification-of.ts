/** A classification with some labels, for tests of everything around it. */
import { openClassification } from '../../src/tasks/classification/classification.ts'
import type { LabelRules } from '../../src/tasks/classification/rules.ts'

export function classificationOf(rules: Partial<LabelRules> = {}) {
  return openClassification({ open: false, known: [], retired: [], limit: 1024, ...rules })
}
