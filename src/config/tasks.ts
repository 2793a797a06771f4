/** The task of a model in its configuration: which other keys and parts go with it. */
import { tasks } from '../plugins.ts'
import type { TaskName } from './schema/task-choice.ts'
import { isClosedForm } from './closed-form.ts'
import type { Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'

export function taskNameOf({ task }: Pick<ModelConfig, 'task'>): TaskName {
  return typeof task === 'string' ? task : (Object.keys(task)[0] as TaskName)
}

/** A task needs its own keys, and no other takes them. Looks at a value that other problems may have left unsettled. */
export function taskKeyProblems(settled: Partial<Config> | undefined): readonly Problem[] {
  return Object.entries(settled?.models ?? {}).flatMap(([name, model]) => {
    // A wrong task is reported already.
    if ((model as Partial<typeof model> | undefined)?.task === undefined) return []
    const chosen = taskNameOf(model)
    const given = model as Readonly<Record<string, unknown>>
    return Object.entries(tasks).flatMap(([task, { keys }]) =>
      keys.flatMap((key: string): readonly Problem[] => {
        const at = { path: ['models', name, key], at: 'key' } as const
        if (task === chosen)
          return given[key] === undefined ? [{ ...at, message: 'is missing' }] : []
        if (given[key] === undefined) return []
        return [{ ...at, message: `is of task: ${task}; leave it out` }]
      }),
    )
  })
}

const ofClasses: readonly string[] = ['class-balanced', 'er-ace']

/** Parts that work with classes, chosen for a model that does not answer with classes. */
export function classProblems(model: ModelConfig): readonly Problem[] {
  if (taskNameOf(model) === 'classification') return []
  const refuse = (path: Problem['path'], chosen: string, instead: string): Problem => ({
    path,
    at: 'value',
    code: 'TASK_WITHOUT_CLASSES',
    message: `is ${chosen}, which works with classes; this task needs another, such as ${instead}`,
  })
  const { adapter, replay, memory, few_shot: fewShot } = model
  return [
    ...(isClosedForm(adapter)
      ? [refuse(['adapter', 'method'], adapter.method, hasHead(model) ? 'lora or head' : 'lora')]
      : []),
    ...headProblems(model),
    ...(ofClasses.includes(replay.policy)
      ? [refuse(['replay', 'policy'], replay.policy, 'reservoir')]
      : []),
    ...(fewShot.policy === 'none' ? [] : [refuse(['few_shot', 'policy'], fewShot.policy, 'none')]),
    ...(memory.policy === 'none' ? [] : [refuse(['memory', 'policy'], memory.policy, 'none')]),
  ]
}

/** Parts that ask for an answer a second time, chosen for a model that writes texts. */
export function textProblems(model: ModelConfig): readonly Problem[] {
  if (tasks[taskNameOf(model)].reads !== 'answers' || model.rollout.policy !== 'shadow') return []
  const message =
    'is shadow, which compares two answers to each request and cannot compare texts; choose another, such as canary'
  return [{ path: ['rollout', 'policy'], at: 'value', message }]
}

/** A task without a head learns by its adapter alone. */
function headProblems(model: ModelConfig): readonly Problem[] {
  if (model.adapter.method !== 'head' || hasHead(model)) return []
  const message = 'is head, and this task has none to learn; choose another, such as lora'
  return [{ path: ['adapter', 'method'], at: 'value', message }]
}

function hasHead(model: ModelConfig): boolean {
  return tasks[taskNameOf(model)].parameters(1, 1).length > 0
}
