/** Versions by age. Their numbers rise for ever, so that a longer name is the younger one, as in the ledger's SQL. */
export function newestFirst(versions: Iterable<string>): readonly string[] {
  return [...versions].sort((a, b) => b.length - a.length || (a < b ? 1 : -1))
}
