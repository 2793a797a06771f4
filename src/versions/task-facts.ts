/** The task's part of a manifest. */
import type { TaskFacts } from '../contracts/task.ts'
import type { Manifest } from './contract.ts'

export type ManifestFacts = Pick<Manifest, 'labels' | 'retired'>

export function factsOf({ labels, retired }: ManifestFacts): TaskFacts {
  return { labels, ...(retired && { retired }) }
}
