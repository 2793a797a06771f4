/** A registry in memory that keeps the contract: verified loads, a pointer moved by compare-and-set, watchers. */
import type { Routing, Manifest, Registry, Version } from '../../src/versions/contract.ts'
import { isOlder, newestFirst } from '../../src/versions/order.ts'
import { checkMove } from '../../src/versions/routing.ts'
import { failure } from '../../src/platform/errors.ts'

export interface FakeRegistry extends Registry {
  /** From now on loading it says VERSION_CORRUPT. */
  corrupt(version: string): void
  repair(version: string): void
  remove(version: string): void
  /** Moves the pointer as the trainer does. */
  promote(version: string): Promise<Routing>
}

export function manifestOf(model: string, number: number, labels = ['no', 'yes']): Manifest {
  return {
    format: 1,
    model,
    version: `v${number}`,
    digest: `digest-v${number}`,
    parent: number === 0 ? null : `v${number - 1}`,
    base: { name: 'fake', hash: 'hash' },
    task: 'classification',
    facts: { labels },
    adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 },
    span: { http: { '0': [String(number * 16 - 16), String(number * 16)] } },
    events: number * 16,
    events_new: 16,
    steps: number,
    scores: { count: number * 16, accuracy: 0.8, accuracy_recent: 0.8, loss: 0.5 },
    decision: 'promote',
    reason: 'promotion: always',
    files: {},
    created: '2026-11-24T10:00:00.000Z',
  }
}

export function versionOf(model: string, number: number, labels?: string[]): Version {
  return { manifest: manifestOf(model, number, labels), parameters: new Map() }
}

export function openFakeRegistry(model: string, versions: number): FakeRegistry {
  const kept = Array.from({ length: versions }, (_, number) => versionOf(model, number))
  const corrupted = new Set<string>()
  const removed = new Set<string>()
  const pinned = new Set<string>()
  const history: Routing[] = []
  const watchers = new Set<(pointer: Routing) => void>()

  function find(version: string): Version {
    const found = kept.find(({ manifest }) => manifest.version === version)
    if (found === undefined) throw failure('VERSION_UNKNOWN', `${model} has no ${version}`)
    return found
  }

  const routed = (version: string) => ({ version, digest: find(version).manifest.digest })

  const registry: FakeRegistry = {
    corrupt: (version) => void corrupted.add(version),
    repair: (version) => void corrupted.delete(version),
    remove: (version) => void removed.add(version),
    async promote(version) {
      const expect = history[0]?.generation ?? 0
      return registry.point({ version, expect, reason: 'better', by: 'trainer' })
    },
    async publish({ manifest, parameters }) {
      const { version } = manifest
      const own = { format: 1, files: {}, created: '', digest: `digest-${version}` } as const
      const sealed = { ...manifest, ...own }
      kept.push({ manifest: sealed, parameters })
      return sealed
    },
    async load(version) {
      await new Promise((resolve) => setImmediate(resolve))
      const found = find(version)
      if (removed.has(version)) throw failure('VERSION_REMOVED', `${version} was removed`)
      if (corrupted.has(version)) throw failure('VERSION_CORRUPT', `${version} was altered`)
      return found
    },
    manifest: async (version) => find(version).manifest,
    find: async (version) => ({
      manifest: find(version).manifest,
      removed: removed.has(version),
    }),
    list: async (count = 100, before) => {
      const names = newestFirst(kept.map(({ manifest }) => manifest.version))
      const wanted = names.filter((name) => before === undefined || isOlder(name, before))
      return Promise.all(wanted.slice(0, count).map((name) => registry.find(name)))
    },
    live: async () => history[0],
    async point({ version, canary, shadow, expect, reason, by, asks, actor }) {
      checkMove({ version, canary, shadow, reason, by })
      const live = history[0]
      const generation = live?.generation ?? 0
      if (expect !== generation) throw failure('GENERATION_STALE', `${generation}, not ${expect}`)
      const { digest } = routed(version)
      const previous = live?.live.version ?? null
      const pointer = {
        live: { version, digest },
        ...(canary && { canary: { ...canary, ...routed(canary.version) } }),
        ...(shadow !== undefined && { shadow: routed(shadow) }),
        generation: generation + 1,
        sinceMs: 0,
        previous,
        reason,
        by,
        ...(asks && { asks }),
        ...(actor !== undefined && { actor }),
      }
      history.unshift(pointer)
      for (const tell of watchers) queueMicrotask(() => tell(pointer))
      return pointer
    },
    history: async (count, before = Infinity, version) =>
      history
        .filter(({ generation }) => generation < before)
        .filter(({ live }) => version === undefined || live.version === version)
        .slice(0, count),
    watch(onChange) {
      watchers.add(onChange)
      return () => watchers.delete(onChange)
    },
    keep: async () => ({ removed: [], versions: 0, bytes: 0 }),
    retire: async () => [],
    pin: async (version) => {
      await registry.find(version)
      pinned.add(version)
    },
    unpin: async (version) => void pinned.delete(version),
    pins: async () => [...pinned].sort(),
    close: async () => {},
  }
  return registry
}
