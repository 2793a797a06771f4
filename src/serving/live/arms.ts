/**
 * Which requests a canary answers: those with a key that hashes to less than its share. The same key has the same hash in every
 * daemon, so a user stays on one side; as the share grows, users only move to the canary, never back. Each canary has
 * its own hash, so that not always the same users come first.
 */
import { createHash } from 'node:crypto'

export interface CanaryShare {
  readonly version: string
  /** Between 0 and 1. */
  readonly share: number
}

export function isForCanary({ version, share }: CanaryShare, key: string): boolean {
  return placeOf(version, key) < share
}

const BYTES = 6

/** What a prediction keeps of a key: equal for equal keys of one trial, and no key can be read from it. */
export function unitOf(trial: string, key: string): string {
  return createHash('sha256')
    .update(trial)
    .update('\0')
    .update(key)
    .digest('hex')
    .slice(0, 2 * BYTES)
}

/** Evenly over 0 ≤ place < 1. */
export function placeOf(canary: string, key: string): number {
  const hash = createHash('sha256').update(canary).update('\0').update(key).digest()
  return hash.readUIntBE(0, BYTES) / 2 ** (8 * BYTES)
}
