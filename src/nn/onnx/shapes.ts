/** Shapes of an adapter's tensors, without the runtime, which the main thread does not load. */
import type { Feeds } from './session.ts'

/** Adapters with equal names and shapes fit into one stack. */
export function shapesOf(tensors: Feeds): string {
  const named = Object.entries(tensors).map(([name, { shape }]) => `${name} ${shape.join('x')}`)
  return named.sort().join('\n')
}
