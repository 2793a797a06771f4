/**
 * Which versions keep their bytes, like restic's `forget` for snapshots: the newest few, and beyond them one per hour
 * and per day, so that a rollback reaches far back while the disk holds few.
 *
 * `bytes` bounds their total. Large versions share it: first the newest, the last hour's and the last day's, then the
 * ones before each of these, until the next would not fit.
 */
import type { Manifest, Retention } from './contract.ts'

export interface Footprint {
  readonly version: string
  readonly createdMs: number
  readonly bytes: number
  /** A held version represents its hour only if there is no other. */
  readonly isPromoted: boolean
}

export function footprintOf(manifest: Manifest, bytes: number): Footprint {
  const { version, created, decision } = manifest
  const isPromoted = decision === 'promote'
  return { version, createdMs: Date.parse(created) || 0, bytes, isPromoted }
}

const HOUR_MS = 60 * 60 * 1000

/** `all` newest first. Versions in `stays` always stay, and use up the bytes first; so does the newest. */
export function surplusOf(
  all: readonly Footprint[],
  retention: Retention,
  stays: ReadonlySet<string>,
): readonly string[] {
  const { last, hourly = 0, daily = 0, bytes = Infinity } = retention
  const kept = new Set(all.filter(({ version }, at) => at === 0 || stays.has(version)))
  const tiers = [
    all.slice(0, last),
    newestOfEach(all, HOUR_MS, hourly),
    newestOfEach(all, 24 * HOUR_MS, daily),
  ]
  let room = bytes - bytesOf(kept)
  for (const wanted of inTurn(tiers)) {
    if (kept.has(wanted)) continue
    room -= wanted.bytes
    if (room < 0) break
    kept.add(wanted)
  }
  return all.filter((each) => !kept.has(each)).map(({ version }) => version)
}

export function bytesOf(all: Iterable<Footprint>): number {
  return [...all].reduce((sum, { bytes }) => sum + bytes, 0)
}

/**
 * One version of each of the newest `count` periods: the newest promoted one, or else the newest. Hours and days (UTC)
 * without a version do not count.
 */
function newestOfEach(
  all: readonly Footprint[],
  periodMs: number,
  count: number,
): readonly Footprint[] {
  const found = new Map<number, Footprint>()
  for (const each of all) {
    const period = Math.floor(each.createdMs / periodMs)
    const before = found.get(period)
    if (before === undefined ? found.size < count : !before.isPromoted && each.isPromoted)
      found.set(period, each)
  }
  return [...found.values()]
}

function* inTurn<Item>(lists: readonly (readonly Item[])[]): Generator<Item> {
  const longest = Math.max(...lists.map(({ length }) => length))
  for (let rank = 0; rank < longest; rank += 1)
    for (const list of lists) {
      const item = list[rank]
      if (item !== undefined) yield item
    }
}
