/** An adapter for a classification with these labels, for tests that need one without a config. */
import type { AdapterPlan } from '../../src/adapters/adapter.ts'
import type { Task } from '../../src/contracts/task.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'
import { classificationOf } from './classification-of.ts'

export interface LabelledPlan extends AdapterPlan {
  readonly task: Task
  readonly labels: readonly string[]
  readonly head: readonly string[]
}

export function labelledPlan(
  plan: Omit<AdapterPlan, 'task' | 'outputs'>,
  labels: readonly string[],
  rules: Partial<LabelRules> = {},
): LabelledPlan {
  const task = classificationOf({ known: labels, ...rules })
  return { ...plan, task, labels, head: labels, outputs: labels.length }
}
