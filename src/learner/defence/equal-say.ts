/**
 * The weight of each source's rows, so that no source says more than its share of all, however many rows it has.
 *
 *   w(s) = trust(s) · min(1, cap / n(s)),   cap so that  cap ≤ share · Σₛ w(s)·n(s),   share ≥ 1.5 / number of sources
 *
 * Found by filling up: the sources below the cap keep all their rows, the others get equal parts of what is left.
 */
/** Times an equal part: with less, the source that has said least would cut down all others. */
const LEAST_SAY = 1.5

export function equalSay(
  sources: readonly string[],
  share: number,
  trust: (source: string) => number,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const source of sources) counts.set(source, (counts.get(source) ?? 0) + 1)
  const loads = [...counts].map(([source, count]) => ({ source, load: count * trust(source) }))
  const cap = capOf(
    loads.map(({ load }) => load),
    Math.min(1, Math.max(share, LEAST_SAY / counts.size)),
  )
  return new Map(
    loads.map(({ source, load }) => [
      source,
      load > cap ? (trust(source) * cap) / load : trust(source),
    ]),
  )
}

/** The largest cap at which the capped sources have no more than their share. */
function capOf(loads: readonly number[], share: number): number {
  const sorted = loads.toSorted((a, b) => a - b)
  let below = 0
  for (const [at, load] of sorted.entries()) {
    const above = sorted.length - at
    // All from here on have the cap: cap = share · (below + above · cap).
    const room = 1 - share * above
    const cap = room <= 1e-12 ? Infinity : (share * below) / room
    if (cap <= load) return Math.max(cap, at === 0 ? load : (sorted[at - 1] ?? 0))
    below += load
  }
  return sorted.at(-1) ?? 0
}
