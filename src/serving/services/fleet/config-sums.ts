/**
 * Whether the daemons of a fleet run a model with the same configuration. Each publishes a short sum of every key; the
 * trainer moves between them with the lease, so a daemon with another method or trigger would change how the model learns.
 */
import { basename, isAbsolute } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Json } from '../../../contracts/core.ts'
import { canonicalJson } from '../../../platform/canonical-json.ts'

/** By key of the model's configuration. A sum says that two values differ, not what they are. */
export type ConfigSums = Readonly<Record<string, string>>

/** `model`: its part of the configuration, with the defaults filled in. */
export function configSums(model: Readonly<Record<string, Json>>): ConfigSums {
  const sums = Object.entries(model).map(([key, value]) => [
    key,
    crc32(canonicalJson(withoutFolders(value))).toString(36),
  ])
  return Object.fromEntries(sums) as ConfigSums
}

/** The keys in which they differ, in alphabetical order. */
export function differingKeys(all: readonly ConfigSums[]): readonly string[] {
  const keys = new Set(all.flatMap(Object.keys))
  return [...keys].filter((key) => new Set(all.map((sums) => sums[key])).size > 1).sort()
}

/** The same file may lie in different folders on two machines. */
function withoutFolders(value: Json): Json {
  if (typeof value === 'string') return isAbsolute(value) ? basename(value) : value
  if (Array.isArray(value)) return value.map(withoutFolders)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([key, each]) => [key, withoutFolders(each)])
  return Object.fromEntries(members) as Json
}
