/** The labels of a version, for tests. */
import type { Manifest } from '../../src/versions/contract.ts'

export function labelsOf({ facts }: Pick<Manifest, 'facts'>): string[] {
  return facts.labels as string[]
}
