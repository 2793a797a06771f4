/** The disk usage of each store of a folder, its log included. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** By name, such as `inbox` for `inbox.db` and `inbox.db-wal`. Empty when the folder cannot be read. */
export function storeSizes(folder: string): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const file of filesIn(folder)) {
    const store = /^(.+)\.db(-wal)?$/.exec(file)?.[1]
    if (store === undefined) continue
    const size = statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
    sizes[store] = (sizes[store] ?? 0) + size
  }
  return sizes
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
