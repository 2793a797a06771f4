/** The tasks that a model may choose from: written `name` alone, or `{ name: settings }` where a task has settings. */
import { Type, type TSchema } from 'typebox'
import type { PluginTable } from './plugin-table.ts'
import { schemasOf } from './setting-schema.ts'

/** The settings are those of the task's own table, which its `open` reads. */
export type TaskChoice = string | Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Each setting of a task, with the task that has it. */
export function taskSettingsOf(tasks: PluginTable['tasks']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(tasks).flatMap(([task, { settings }]) =>
      Object.keys(settings).map((name) => [
        name,
        `it belongs to task: { ${task}: { ${name}: … } }`,
      ]),
    ),
  )
}

export function taskChoicesOf(
  tasks: PluginTable['tasks'],
): Readonly<Record<string, TSchema | null>> {
  const closed = { additionalProperties: false, hints: taskSettingsOf(tasks) }
  return Object.fromEntries(
    Object.entries(tasks).map(([name, { settings }]) => [
      name,
      Object.keys(settings).length === 0 ? null : Type.Object(schemasOf(settings), closed),
    ]),
  )
}
