/** The tasks that a model may choose from: written `name` alone, or `{ name: settings }` where a task has settings. */
import { Type, type TSchema } from 'typebox'
import { tasks } from '../../plugins.ts'
import { schemasOf } from '../plugins/setting-schema.ts'

export type TaskName = keyof typeof tasks

/** The settings are those of the task's own table, which its `open` reads. */
export type TaskChoice =
  TaskName | Readonly<Partial<Record<TaskName, Readonly<Record<string, unknown>>>>>

/** Each setting of a task, with the task that has it. */
export const taskSettings: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(tasks).flatMap(([task, { settings }]) =>
    Object.keys(settings).map((name) => [name, `task: { ${task}: { ${name}: … } }`]),
  ),
)

export const taskChoices: Readonly<Record<string, TSchema | null>> = Object.fromEntries(
  Object.entries(tasks).map(([name, { settings }]) => [
    name,
    Object.keys(settings).length === 0
      ? null
      : Type.Object(schemasOf(settings), { additionalProperties: false, elsewhere: taskSettings }),
  ]),
)
