/** The network of a base that gives vectors: nothing is left to compute, and nothing for an adapter to change. */
import type { Network } from '../contracts/network.ts'
import { invariant } from '../platform/errors.ts'

/** `own`: what differs, such as several positions that are pooled. */
export function embeddedNetwork(width: number, own: Partial<Network> = {}): Network {
  return {
    layers: 0,
    width,
    unit: true,
    latentWidth: () => width,
    sites: () => [],
    trunk(_ops, { values }) {
      invariant(values !== undefined, 'the base gives vectors, not tokens')
      return values
    },
    tail: (_ops, values) => values,
    pool: (_ops, values) => values,
    ...own,
  }
}
