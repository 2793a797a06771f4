/** The tasks that a model may choose from, with the settings that they have of their own. */
import { Type, type TSchema } from 'typebox'
import { lossSettings } from '../tasks/regression/loss.ts'
import { schemasOf } from './setting-schema.ts'

/** Written `name` alone, or `{ name: settings }` where a task has settings of its own. */
export const tasks = {
  classification: null,
  regression: Type.Unsafe<{ readonly loss: string; readonly huber_delta: number }>(
    Type.Object(schemasOf(lossSettings), { additionalProperties: false }),
  ),
} as const satisfies Readonly<Record<string, TSchema | null>>

export type TaskName = keyof typeof tasks
