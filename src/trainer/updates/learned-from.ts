/** The examples that a version has learned since its parent, for its manifest: how many of each source and stratum. */
import type { Example } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import type { LearnedFrom } from '../../versions/contract.ts'

/** Rows of each list, the largest counts first. */
const MOST = 20

export function learnedFrom(
  examples: readonly Pick<Example, 'source' | 'target'>[],
  task: Pick<Task, 'stratum'>,
): LearnedFrom {
  const sources = largest(examples.map(({ source }) => source))
  const strata = largest(examples.map(({ target }) => task.stratum(target)))
  return {
    sources: sources.map(([source, count]) => ({ source, count })),
    strata: strata.map(([stratum, count]) => ({ stratum, count })),
  }
}

/** Equal counts are sorted by name, so that the same examples always give the same list. */
function largest(names: readonly string[]): readonly (readonly [name: string, count: number])[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .slice(0, MOST)
}
