/**
 * Versions by age. A trainer's version numbers always rise; an imported one is named after the newest version at that
 * time (`v12-import`), and follows it directly. The ledger's SQL and the scripts of Redis use the same order.
 */
export function newestFirst(versions: Iterable<string>): readonly string[] {
  // Many thousands of names: each number is read once.
  return [...versions]
    .map(aged)
    .sort(byAge)
    .map(({ version }) => version)
}

/** Whether it comes after `other` in a list. */
export function isOlder(version: string, other: string): boolean {
  return version !== other && byAge(aged(version), aged(other)) > 0
}

interface NumberedVersion {
  readonly version: string
  readonly number: number
}

function aged(version: string): NumberedVersion {
  return { version, number: numberOf(version) }
}

function byAge(a: NumberedVersion, b: NumberedVersion): number {
  return (
    b.number - a.number || b.version.length - a.version.length || (a.version < b.version ? 1 : -1)
  )
}

/** The leading number of a version's name; -1 for another kind of name. */
export function numberOf(version: string): number {
  return Number(/^v(\d+)/.exec(version)?.[1] ?? -1)
}
