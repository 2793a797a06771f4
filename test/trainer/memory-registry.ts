/** A registry in memory that obeys the contract: publishing is idempotent by content, the pointer moves by compare-and-set. */
import { createHash } from 'node:crypto'
import type { Registry, Routing, Version, VersionDraft } from '../../src/versions/contract.ts'
import { previousOf } from '../../src/versions/routing.ts'
import { failure } from '../../src/platform/errors.ts'
import { packTensors } from '../../src/checkpoint/tables/states.ts'

export interface MemoryRegistry extends Registry {
  readonly versions: Map<string, Version>
  readonly moves: Routing[]
  /** When the next moves are made. */
  sinceMs: number
}

export function memoryRegistry(): MemoryRegistry {
  const versions = new Map<string, Version>()
  const pins = new Set<string>()
  const moves: Routing[] = []
  const live = () => moves.at(-1)
  const known = (version: string) => {
    const found = versions.get(version)
    if (found === undefined) throw failure('VERSION_UNKNOWN', `no version ${version}`)
    return found
  }
  return {
    versions,
    moves,
    // Long enough ago for a trainer that rests to follow.
    sinceMs: -1000,
    async publish({ manifest, parameters }) {
      const digest = digestOf({ manifest, parameters })
      const before = versions.get(manifest.version)
      if (before !== undefined && before.manifest.digest !== digest)
        throw failure('VERSION_EXISTS', `${manifest.version} is taken`)
      const own = { format: 1, files: {}, created: '', digest } as const
      const sealed = before?.manifest ?? { ...manifest, ...own }
      versions.set(manifest.version, { manifest: sealed, parameters })
      return sealed
    },
    load: async (version) => known(version),
    manifest: async (version) => known(version).manifest,
    find: async (version) => ({ manifest: known(version).manifest, removed: false }),
    list: async (count = 100) =>
      [...versions.values()]
        .reverse()
        .slice(0, count)
        .map(({ manifest }) => ({ manifest, removed: false })),
    live: async () => live(),
    async point({ version, canary, shadow, expect, reason, by, asks, actor }) {
      const before = live()
      const generation = before?.generation ?? 0
      if (generation !== expect) throw failure('GENERATION_STALE', `at ${generation}`)
      const { digest } = known(version).manifest
      const routed = (name: string) => ({ version: name, digest: known(name).manifest.digest })
      const previous = previousOf(before, version)
      const move: Routing = {
        ...{ live: { version, digest }, generation: generation + 1 },
        ...(canary && { canary: { ...canary, ...routed(canary.version) } }),
        ...(shadow !== undefined && { shadow: routed(shadow) }),
        ...{ sinceMs: this.sinceMs, previous },
        ...{ reason, by, ...(asks && { asks }), ...(actor !== undefined && { actor }) },
      }
      moves.push(move)
      return move
    },
    history: async (count) => [...moves].reverse().slice(0, count),
    watch: () => () => {},
    keep: async () => ({ removed: [], versions: versions.size, bytes: 0 }),
    async retire(names) {
      const stays = live()?.live.version
      for (const name of names) if (name !== stays) versions.delete(name)
      return names.filter((name) => !versions.has(name))
    },
    pin: async (version) => void pins.add(version),
    unpin: async (version) => void pins.delete(version),
    pins: async () => [...pins],
    close: async () => {},
  }
}

function digestOf({ manifest, parameters }: VersionDraft): string {
  const { header, blob } = packTensors(parameters)
  const { compute: _compute, trace: _trace, ...content } = manifest
  return createHash('sha256')
    .update(JSON.stringify(content))
    .update(header)
    .update(blob)
    .digest('hex')
}
