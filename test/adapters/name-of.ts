/** The name under which the table has a method, for the config that a test writes. */
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import { methods } from '../../src/plugins.ts'

export function nameOf(method: MethodPlugin): string {
  const table: Readonly<Record<string, MethodPlugin>> = methods
  const found = Object.keys(table).find((name) => table[name] === method)
  if (found === undefined) throw new Error('a method that is not in the table')
  return found
}
