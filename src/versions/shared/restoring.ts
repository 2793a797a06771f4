/** Versions of this replica's disk that go back to Redis, and those that go from the disk because Redis removed them. */
import { CodedError, type Logger } from '../../contracts/core.ts'
import type { Routing, Manifest } from '../contract.ts'
import type { Ledger } from '../local/ledger.ts'
import { isRedisFailure } from './away.ts'
import type { RedisVersions } from './versions.ts'
import type { Versions } from '../local/versions.ts'
import { routedVersions } from '../routing.ts'

/** Counts for people: what Redis had lost and this replica restored. */
export type RepairKind = 'pointer' | 'version'

export interface RestoringParts {
  readonly redis: RedisVersions
  readonly disk: Versions
  readonly ledger: Ledger
  readonly onRepaired: (what: RepairKind) => void
  readonly log: Logger
}

export class Restoring {
  readonly #parts: RestoringParts

  constructor(parts: RestoringParts) {
    this.#parts = parts
  }

  repaired(what: RepairKind): void {
    this.#parts.onRepaired(what)
  }

  /** The routed versions and the one before them, replacing any of the same name in a Redis that is behind. */
  async line([live, ...history]: readonly Routing[]): Promise<void> {
    if (live === undefined) return
    const previous = history.find((move) => move.live.version === live.previous)
    for (const { version, digest } of [
      ...routedVersions(live),
      ...(previous ? [previous.live] : []),
    ])
      await this.#back(version, digest, live.generation)
  }

  /**
   * Restores what Redis does not know, and removes here what Redis knows but no longer keeps. The names on disk are
   * read first: a version reaches the disk after Redis.
   */
  async versions(): Promise<void> {
    const { redis, disk } = this.#parts
    const names = disk.names()
    const kept = await redis.kept()
    for (const version of names.filter((name) => !kept.has(name))) {
      const found = await redis.find(version)
      if (found === undefined) await this.#back(version)
      else if (!found.isKept) await disk.remove([version], [])
    }
  }

  /** The manifests of removed versions. */
  async retired(): Promise<void> {
    const { redis, disk, ledger } = this.#parts
    const manifests: Manifest[] = []
    for (const version of ledger.index.retired(redis.mostManifests)) {
      const manifest = await unlessCorrupt(disk.manifest(version))
      if (manifest !== undefined) manifests.push(manifest)
    }
    await redis.restoreRetired(manifests)
  }

  async pins(): Promise<void> {
    await this.#parts.redis.restorePins(this.#parts.ledger.pins())
  }

  /** Versions found altered in Redis, as far as they are intact here. */
  async damaged(): Promise<void> {
    for (const [version, digest] of await this.#parts.redis.damaged())
      await this.#back(version, digest)
  }

  /** The newest of these moves, after the first, with a version that is here or in Redis. */
  async newestLeft([, ...history]: readonly Routing[]): Promise<Routing | undefined> {
    const { redis, disk } = this.#parts
    const kept = await redis.kept()
    const names = new Set(disk.names())
    for (const move of history) {
      const { version, digest } = move.live
      if (kept.get(version) === digest) return move
      if (names.has(version) && (await this.#back(version, digest))) return move
    }
    return undefined
  }

  /** False when it is not here, whole and of this content, or when Redis has another content under its name. */
  async #back(version: string, digest?: string, force?: number): Promise<boolean> {
    const { redis, disk, log } = this.#parts
    if (digest !== undefined && (await redis.isWhole(version, digest))) return true
    const here = await unlessCorrupt(disk.read(version))
    if (here === undefined || (digest !== undefined && here.manifest.digest !== digest))
      return false
    const outcome = await redis.restore(here.manifest, here.files, force)
    if (outcome !== 'OK') return false
    this.repaired('version')
    log.warn({ version }, 'put a version back into Redis')
    return true
  }
}

/** Undefined also for a version that is not here: another replica has to restore it. */
async function unlessCorrupt<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof CodedError && !isRedisFailure(error)) return undefined
    throw error
  }
}
