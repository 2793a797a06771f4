/** Keys of examples for tests: of an event's identity, or any text where only its being a key matters. */
import type { EventIdentity, ExampleKey } from '../src/contracts/core.ts'
import { keyOf } from '../src/intake/events/event-key.ts'

export function asKey(text: string): ExampleKey {
  return text as ExampleKey
}

/** What an example says of its event. */
export function identified(
  source: string,
  id: string,
): EventIdentity & { readonly key: ExampleKey } {
  return { key: keyOf({ source, id }), source, id }
}
