/** Whether the head of a chosen method is computed from sums. */
import type { MethodPlugin } from '../contracts/adapter.ts'
import { methods } from '../plugins.ts'
import type { ChosenMethod } from './schema/model-schema.ts'

export function isClosedForm(adapter: ChosenMethod): boolean {
  const table: Readonly<Record<string, MethodPlugin>> = methods
  return table[adapter.method]?.open({ rank: 0, alpha: 1, ...adapter }).closedForm !== undefined
}
