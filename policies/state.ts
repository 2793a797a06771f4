/** The state of a policy in a checkpoint. That of another policy, or none, means a fresh start. */
import type { Json } from '../src/contracts/core.ts'

/** Of a policy that remembers nothing. */
export const stateless = { snapshot: () => null, restore: () => undefined } as const

/** `state` if it is an object with these fields; a policy writes no other kind of value into a field. */
export function ownState<State>(
  state: Json,
  ...fields: readonly (keyof State & string)[]
): State | undefined {
  if (typeof state !== 'object' || state === null) return undefined
  return fields.every((field) => field in state) ? (state as unknown as State) : undefined
}
