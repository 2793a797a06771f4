/**
 * The versions of one model for trainer, server, command line and every HTTP surface: lists come in bounded pages,
 * moves are retried after a race, folders are imported and exported. A `Registry` stores the versions, on this disk or
 * shared.
 */
import { basename } from 'node:path'
import { CodedError } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import { pageOf, type Page } from '../platform/page.ts'
import { compareManifests, type Comparison } from './compare.ts'
import type {
  ListedVersion,
  Manifest,
  Registry,
  Routing,
  RoutingMove,
  Version,
  VersionDraft,
} from './contract.ts'
import { exportVersion } from './export.ts'
import { draftImport, type ImportChoices, type ImportTarget } from './import/draft.ts'
import { readPeftFiles, type PeftFiles } from './import/files.ts'
import type { Bundle } from './sealing.ts'
import { UndoneVersions, liveAt } from './undone.ts'
import { numberOf } from './order.ts'

/** The most that one page has. */
export const PAGE_VERSIONS = 100

export interface PageWanted<Place> {
  /** Absent = `PAGE_VERSIONS`, which is also the most. */
  readonly limit?: number | undefined
  /** Only older ones; absent = from the newest on. */
  readonly before?: Place | undefined
}

export interface ImportResult {
  readonly version: Version
  /** Modules of the folder that no answer reads. */
  readonly idle: readonly string[]
}

/** A move based on the routing at the time it is made. */
export type NextMove = Omit<RoutingMove, 'expect' | 'version' | 'canary' | 'shadow'> & {
  /** Absent = the live version stays. */
  readonly version?: string
  /** Only while this version is live: otherwise `GENERATION_STALE`. */
  readonly from?: string
  /** Absent = it stays with the live version, and ends with it; null = there is none from now on. */
  readonly canary?: RoutingMove['canary'] | null
  readonly shadow?: string | null
}

export interface VersionMoved {
  readonly routing: Routing
  /** The routing until then. */
  readonly previous: Routing | undefined
}

/** A move, and when the next one ended it; absent for the present one. `before`: what was live until then; null: nothing. */
export type PastRouting = Routing & { readonly untilMs?: number; readonly before: string | null }

export interface VersionService extends Pick<
  Registry,
  'publish' | 'load' | 'find' | 'live' | 'watch' | 'pin' | 'unpin' | 'pins'
> {
  /** The move that took a version back, see `UndoneVersions`; undefined if none did. */
  undoneBy(version: Pick<Manifest, 'version' | 'parent'>): Promise<Routing | undefined>
  /** `VERSION_UNDONE` if it was taken back, unless that is what the caller wants. */
  refuseUndone(version: string, isWanted: boolean | undefined): Promise<void>
  /** Newest first. */
  list(wanted: PageWanted<string>): Promise<Page<ListedVersion, string>>
  /** Moves, newest first. */
  history(wanted: PageWanted<number>): Promise<Page<PastRouting, number>>
  /** The moves under which a version was live, newest first. */
  historyOf(version: string, wanted: PageWanted<number>): Promise<Page<PastRouting, number>>
  /** Throws `TIME_BEFORE_HISTORY`, or `NOT_READY` where nothing was ever live. */
  liveAt(timeMs: number): Promise<Routing>
  /** One move, tried again after a race with another. `NOT_READY` where nothing is live and the move names no version. */
  move(next: NextMove): Promise<VersionMoved>
  compare(one: string, other: string): Promise<Comparison>
  /** A folder that PEFT wrote becomes a version; it does not answer yet. */
  importFolder(folder: string, target: ImportTarget, choices: ImportChoices): Promise<ImportResult>
  /** A version as a new folder that PEFT opens, every byte checked. */
  exportTo(
    folder: string,
    version: string,
    bundle: Pick<Bundle, 'write' | 'describe'>,
  ): Promise<{ readonly version: Version; readonly files: readonly string[] }>
}

/** Races with the trainer are rare, and each try reads the routing again. */
const TRIES = 10

export function openVersions(registry: Registry): VersionService {
  const undone = new UndoneVersions(registry)
  return {
    undoneBy: async (version) => undone.by(version),
    refuseUndone: async (version, isWanted) => undone.refuse(version, isWanted),
    publish: (draft) => registry.publish(draft),
    load: (version) => registry.load(version),
    find: (version) => registry.find(version),
    live: () => registry.live(),
    watch: (onChange) => registry.watch(onChange),
    pin: (version) => registry.pin(version),
    unpin: (version) => registry.unpin(version),
    pins: () => registry.pins(),
    async list({ limit, before }) {
      const most = bounded(limit)
      const found = await registry.list(most + 1, before)
      return pageOf(found, most, ({ manifest }) => manifest.version)
    },
    async history({ limit, before }) {
      const most = bounded(limit)
      // With the move after them, if there is one, which ended the newest of them, and the one before them.
      const found = await registry.history(most + 2, before === undefined ? before : before + 1)
      const isAfter = before !== undefined && found[0]?.generation === before
      const until = isAfter ? found[0]?.sinceMs : undefined
      const moves = periods(isAfter ? found.slice(1) : found, until)
      return pageOf(moves.slice(0, most + 1), most, ({ generation }) => generation)
    },
    async historyOf(version, { limit, before }) {
      const most = bounded(limit)
      // As a stranger may write it: a column of text ends at a NUL.
      const found = version.includes('\0') ? [] : await registry.history(most + 1, before, version)
      const moves: PastRouting[] = []
      // One more shows that there is a next page.
      for (const move of found) {
        // The move after it, unless it is the newest, the move itself, and the one before it.
        const around = await registry.history(3, move.generation + 2)
        const at = around.findIndex(({ generation }) => generation === move.generation)
        moves.push(...periods(around.slice(at, at + 2), around[at - 1]?.sinceMs).slice(0, 1))
      }
      return pageOf(moves, most, ({ generation }) => generation)
    },
    liveAt: (timeMs) => liveAt(registry, timeMs),
    async move(next) {
      for (let tries = 1; ; tries += 1) {
        const previous = await registry.live()
        const version = next.version ?? previous?.live.version
        if (version === undefined) throw failure('NOT_READY', 'no version is live yet')
        if (next.from !== undefined && next.from !== previous?.live.version)
          throw failure('GENERATION_STALE', `${next.from} is not live any more`)
        const expect = previous?.generation ?? 0
        try {
          const { reason, by, asks, actor } = next
          const routed = { version, ...routedWith(next, previous) }
          const move = { ...routed, expect, reason, by, asks, actor }
          return { routing: await registry.point(move), previous }
        } catch (error) {
          if (!isStale(error) || tries === TRIES) throw error
        }
      }
    },
    async compare(one, other) {
      const [from, to] = await Promise.all([registry.find(one), registry.find(other)])
      return compareManifests(from.manifest, to.manifest)
    },
    async importFolder(folder, target, choices) {
      const pointer = await registry.live()
      const live = pointer && (await registry.load(pointer.live.version))
      const files = await readPeftFiles(folder)
      const origin = await originOf(files, registry)
      const importing = { target, files, live, origin, folder: basename(folder), ...choices }
      const { version, idle } = await draftImport(importing)
      return { version: await publishImport(registry, version), idle }
    },
    async exportTo(folder, name, bundle) {
      const version = await registry.load(name)
      return { version, files: await exportVersion(version, folder, bundle) }
    },
  }
}

/** The version that a folder was exported from, if it is one of this registry: so it has learned the same events. */
async function originOf(
  { ours }: PeftFiles,
  registry: Pick<Registry, 'find'>,
): Promise<Manifest | undefined> {
  if (ours === undefined) return undefined
  const { version, digest } = ours.manifest
  try {
    const { manifest } = await registry.find(version)
    return manifest.digest === digest ? manifest : undefined
  } catch (error) {
    if (error instanceof CodedError && error.code === 'VERSION_UNKNOWN') return undefined
    throw error
  }
}

function routedWith(
  { version, canary, shadow }: NextMove,
  previous: Routing | undefined,
): Pick<RoutingMove, 'canary' | 'shadow'> {
  const stays = version === undefined ? previous : undefined
  return {
    canary: canary === undefined ? stays?.canary : (canary ?? undefined),
    shadow: shadow === undefined ? stays?.shadow?.version : (shadow ?? undefined),
  }
}

/** The oldest of all that are kept has only its own word of what was live before it. */
function periods(moves: readonly Routing[], untilMs: number | undefined): readonly PastRouting[] {
  return moves.map((move, at) => {
    const ended = at === 0 ? untilMs : moves[at - 1]?.sinceMs
    const before = moves[at + 1]?.live.version ?? move.previous
    return { ...move, before, ...(ended !== undefined && { untilMs: ended }) }
  })
}

function bounded(limit = PAGE_VERSIONS): number {
  return Math.min(limit, PAGE_VERSIONS)
}

function isStale(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'GENERATION_STALE'
}

/**
 * Publishes an imported adapter as a version beside those of the trainer. It gets a separate name (`v12-import`, after
 * the newest version), so that it never conflicts with the trainer; the live pointer alone decides what the trainer
 * continues from, as after a promotion by a person.
 *
 * Returns the version as it is now in the registry, read back with every byte verified.
 */
async function publishImport(registry: Registry, draft: VersionDraft): Promise<Version> {
  const [newest] = await registry.list(1)
  const name = `v${Math.max(0, numberOf(newest?.manifest.version ?? ''))}-import`
  for (let count = 1; ; count += 1) {
    const version = count === 1 ? name : `${name}-${count}`
    try {
      await registry.publish({ ...draft, manifest: { ...draft.manifest, version } })
      return await registry.load(version)
    } catch (error) {
      if (!isCoded(error, 'VERSION_EXISTS')) throw error
    }
  }
}

function isCoded(error: unknown, code: string): boolean {
  return error instanceof CodedError && error.code === code
}
