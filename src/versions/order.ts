/**
 * Versions by age. A trainer numbers its versions for ever upwards; what came from elsewhere is named after the newest
 * version that was there (`v12-import`), and stands right after it. The ledger's SQL and the scripts of Redis say the same.
 */
export function newestFirst(versions: Iterable<string>): readonly string[] {
  return [...versions].sort(byAge)
}

/** Whether it stands after `other` in a list. */
export function isOlder(version: string, other: string): boolean {
  return version !== other && byAge(version, other) > 0
}

function byAge(a: string, b: string): number {
  return numberOf(b) - numberOf(a) || b.length - a.length || (a < b ? 1 : -1)
}

/** The number that a version's name begins with; -1 for another kind of name. */
export function numberOf(version: string): number {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? -1)
}
