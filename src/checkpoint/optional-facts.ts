/** Parts of a checkpoint that many models do not have: each is one fact, and absent until it is first saved. */
import type { Json } from '../contracts/core.ts'
import type { Store } from '../platform/store/store.ts'
import type { Saved } from './saved.ts'
import { fact, setFact } from './tables/states.ts'

export type OptionalFacts = Pick<Saved, 'ahead' | 'compared' | 'forgetting' | 'traces'>

/** Written when they are others than at the last save. */
const changed = ['ahead', 'compared', 'forgetting'] as const

export function optionalFacts(store: Store): OptionalFacts {
  const names = [...changed, 'traces'] as const
  const found = names.flatMap((name) => {
    const value = fact(store, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(found)
}

/** `last`: those of the last save; undefined if it is unknown whether that was committed. */
export function writeOptionalFacts(
  store: Store,
  facts: OptionalFacts,
  last: OptionalFacts | undefined,
): void {
  for (const name of changed) {
    const value = facts[name]
    if (value !== undefined && value !== last?.[name])
      setFact(store, name, value as unknown as Json)
  }
  // Most checkpoints have none, and nothing is written then.
  const { traces = [] } = facts
  const { traces: before = [] } = last ?? optionalFacts(store)
  if (JSON.stringify(traces) !== JSON.stringify(before)) setFact(store, 'traces', traces)
}
