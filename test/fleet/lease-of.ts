/** A lease that a test holds by its word, to write under an epoch of its choice. */
import type { Lease } from '../../src/fleet/contract.ts'

export function leaseOf(model: string, epoch: number): Lease {
  const { signal } = new AbortController()
  return { model, epoch, signal, check: () => undefined, release: async () => undefined }
}
