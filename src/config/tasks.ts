/** The task of a model in its configuration: which other keys go with it. */
import type { TaskName } from './task-choice.ts'
import { isClosedForm } from './closed-form.ts'
import type { Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema.ts'

export function taskNameOf({ task }: Pick<ModelConfig, 'task'>): TaskName {
  return typeof task === 'string' ? task : 'regression'
}

/** A classification has labels, and no other task has. Looks at a value that other problems may have left unsettled. */
export function labelProblems(settled: Partial<Config> | undefined): readonly Problem[] {
  return Object.entries(settled?.models ?? {}).flatMap(([name, model]): readonly Problem[] => {
    const at = { path: ['models', name, 'labels'], at: 'key' } as const
    const isClassification = (model as Partial<ModelConfig> | undefined)?.task === 'classification'
    const hasLabels = model?.labels !== undefined
    if (isClassification && !hasLabels) return [{ ...at, message: 'is missing' }]
    if (isClassification || !hasLabels) return []
    return [{ ...at, message: 'is of task: classification; leave it out' }]
  })
}

const ofClasses: readonly string[] = ['class-balanced', 'er-ace']

/** Parts that work with classes, chosen for a model whose answers are none. */
export function classProblems(model: ModelConfig): readonly Problem[] {
  if (taskNameOf(model) === 'classification') return []
  const refuse = (path: Problem['path'], chosen: string, instead: string): Problem => ({
    path,
    at: 'value',
    code: 'TASK_WITHOUT_CLASSES',
    message: `is ${chosen}, which works with classes; a number needs another, such as ${instead}`,
  })
  const { adapter, replay, memory } = model
  return [
    ...(isClosedForm(adapter)
      ? [refuse(['adapter', 'method'], adapter.method, 'lora or head')]
      : []),
    ...(ofClasses.includes(replay.policy)
      ? [refuse(['replay', 'policy'], replay.policy, 'reservoir')]
      : []),
    ...(memory.policy === 'none' ? [] : [refuse(['memory', 'policy'], memory.policy, 'none')]),
  ]
}
