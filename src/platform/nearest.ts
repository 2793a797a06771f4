/**
 * Finds the known word nearest to a misspelt one: fewest insertions, deletions, replacements and swaps of neighbours.
 *
 * Damerau (1964), "A technique for computer detection and correction of spelling errors", CACM 7(3), in its restricted
 * form, optimal string alignment.
 */

/** Undefined when no word is nearer than half its letters: a list then helps more than a guess. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, candidate.length / 2))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
  return ranked[0]?.candidate
}

export function editDistance(from: string, to: string): number {
  // Three rows of the table are in use at a time: two before, one before, this one.
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const differs = from[row - 1] === to[column - 1] ? 0 : 1
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + differs,
        isSwap ? at(beforeLast, column - 2) + 1 : Infinity,
      )
    }
    ;[beforeLast, last] = [last, current]
  }
  return at(last, to.length)
}

const at = (row: readonly number[], column: number) => row[column] ?? Infinity

/** Pairs of names that differ only in case, each as “Yes” and “yes”. */
export function caseTwins(names: Iterable<string>): readonly string[] {
  const firsts = new Map<string, string>()
  const twins = new Set<string>()
  for (const name of names) {
    const first = firsts.get(name.toLowerCase())
    if (first === undefined) firsts.set(name.toLowerCase(), name)
    else if (first !== name) twins.add(`“${first}” and “${name}”`)
  }
  return [...twins]
}
