/** The base as the head of a method sees it. */
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Base } from '../contracts/base.ts'

export function viewOf(base: Base, method: MethodPlugin, config: AdapterConfig): Base {
  return method.open(config).view?.(base) ?? base
}

/** One view per base and key, created on first use: creation takes time, and engines keep its results. */
export function memoized<Key>(
  make: (base: Base, key: Key) => Base,
): (base: Base, key: Key) => Base {
  const made = new WeakMap<Base, Map<Key, Base>>()
  return (base, key) => {
    const views = made.get(base) ?? new Map<Key, Base>()
    made.set(base, views)
    const view = views.get(key) ?? make(base, key)
    views.set(key, view)
    return view
  }
}
