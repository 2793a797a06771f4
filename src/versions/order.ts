/**
 * Versions by age. A trainer's version numbers always rise; an imported one is named after the newest version at that
 * time (`v12-import`), and follows it directly. The ledger's SQL and the scripts of Redis use the same order.
 */
export function newestFirst(versions: Iterable<string>): readonly string[] {
  return [...versions].sort(byAge)
}

/** Whether it comes after `other` in a list. */
export function isOlder(version: string, other: string): boolean {
  return version !== other && byAge(version, other) > 0
}

function byAge(a: string, b: string): number {
  return numberOf(b) - numberOf(a) || b.length - a.length || (a < b ? 1 : -1)
}

/** The leading number of a version's name; -1 for another kind of name. */
export function numberOf(version: string): number {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? -1)
}
