/**
 * Versions in Redis: a manifest for each published one, bytes for those that are kept. A version is complete or absent,
 * because one script shows what was uploaded before, and a trainer with an expired lease shows nothing.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Manifest } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis, RedisReply, RedisScript } from '../../platform/redis/redis.ts'
import { mostRemoved, pinsFull, type LedgerLimits } from '../local/ledger.ts'
import { manifestBytes } from '../manifest.ts'
import type { Files, VersionBytes } from './version-bytes.ts'
import {
  scriptKeys,
  type RegistryKeys,
  absent,
  cellsOf,
  leaseLost,
  manifestOf,
  pairsOf,
  rowOf,
  taken,
  type Epoch,
} from './layout.ts'
import {
  commitVersion,
  findVersion,
  listVersions,
  pinVersion,
  readPins,
  removeVersions,
  reportDamage,
  restorePins,
  restoreRetired,
  retireVersions,
  unpinVersion,
} from './version-scripts.ts'
import { footprintOf, type Footprint } from '../retention.ts'

export interface FoundVersion {
  readonly digest: string
  /** Whether its bytes are there. */
  readonly isKept: boolean
  /** Reads and checks it: VERSION_CORRUPT when it was altered. */
  manifest(): Manifest
}

/** Only a Redis that is known to have lost nothing says by its silence that a version is not pinned. */
export interface PinsAt {
  readonly incarnation: string
  readonly revision: number
  readonly pins: readonly string[]
}

export interface RedisVersionsOptions {
  readonly redis: Redis
  readonly keys: RegistryKeys
  readonly bytes: VersionBytes
  readonly remembered: LedgerLimits
}

type Commit = 'VERSION_EXISTS' | 'VERSION_REMOVED' | 'OK'

const UPLOADS = 3
const PAGE = 200
/** A hundred, and the one that says that there are more. */
const LIST_PAGE = 101

export class RedisVersions {
  readonly #options: RedisVersionsOptions

  constructor(options: RedisVersionsOptions) {
    this.#options = options
  }

  async find(version: string): Promise<FoundVersion | undefined> {
    const [row, kept] = cellsOf(await this.#script(findVersion, [version])).map(String)
    if (row === undefined || row === '') return undefined
    const isKept = kept !== undefined && kept !== ''
    const digest = isKept ? kept : row.slice(0, 64)
    return { digest, isKept, manifest: () => manifestOf(row, version, digest) }
  }

  get mostManifests(): number {
    return this.#options.remembered.removed
  }

  /** For a trainer or a person; the same content again is a success. */
  async publish(manifest: Manifest, files: Files, epoch: Epoch): Promise<void> {
    const outcome = await this.#commit(manifest, files, epoch, 'publish', 0)
    if (outcome !== 'OK') throw taken(manifest)
  }

  /**
   * Restores versions that Redis lost; `force` also replaces other content, if its pointer is older than this
   * generation.
   */
  async restore(manifest: Manifest, files: Files, force?: number): Promise<Commit> {
    const how = force === undefined ? 'restore' : 'force'
    return this.#commit(manifest, files, '', how, force ?? 0)
  }

  fetch(manifest: Manifest): Promise<Files> {
    return this.#options.bytes.fetch(manifest)
  }

  /** Undefined for a removed or altered one. */
  async footprint(version: string): Promise<Footprint | undefined> {
    const found = await this.find(version)
    try {
      const manifest = found?.isKept === true ? found.manifest() : undefined
      if (manifest === undefined) return undefined
      return footprintOf(manifest, await this.#options.bytes.size(manifest))
    } catch (error) {
      if (error instanceof CodedError && error.code === 'VERSION_CORRUPT') return undefined
      throw error
    }
  }

  /** Digest by version, for those with bytes. */
  async kept(): Promise<ReadonlyMap<string, string>> {
    return pairsOf(await this.#options.redis.command('HGETALL', this.#options.keys.kept))
  }

  async damaged(): Promise<ReadonlyMap<string, string>> {
    return pairsOf(await this.#options.redis.command('HGETALL', this.#options.keys.damaged))
  }

  /** Whether it needs no putting back. */
  async isWhole(version: string, digest: string): Promise<boolean> {
    const { redis, keys } = this.#options
    const [kept, whole, damaged] = await Promise.all([
      redis.command('HGET', keys.kept, version),
      redis.command('HEXISTS', keys.bytes(digest), 'whole'),
      redis.command('HEXISTS', keys.damaged, version),
    ])
    return kept === digest && whole === 1 && damaged === 0
  }

  async restoreRetired(manifests: readonly Manifest[]): Promise<void> {
    for (let from = 0; from < manifests.length; from += PAGE) {
      const rows = manifests.slice(from, from + PAGE).map((each) => [each.version, rowOf(each)])
      await this.#script(restoreRetired, rows.flat())
    }
  }

  async restorePins(versions: readonly string[]): Promise<void> {
    if (versions.length > 0) await this.#script(restorePins, versions)
  }

  /** Asks the daemons that have it on disk to restore it. */
  async report(version: string, digest: string): Promise<void> {
    await this.#script(reportDamage, [version, digest])
  }

  /** Newest first, older than `before`, in pages, because Redis does nothing else while it answers one. */
  async *list(before = ''): AsyncGenerator<{ version: string; removed: boolean; row: string }> {
    for (let last = before; ;) {
      const cells = cellsOf(await this.#script(listVersions, [last, LIST_PAGE]))
      for (let at = 0; at < cells.length; at += 3) {
        const [version, isKept, row] = cells.slice(at, at + 3)
        last = String(version)
        yield { version: last, removed: isKept === 0, row: String(row) }
      }
      if (cells.length < 3 * LIST_PAGE) return
    }
  }

  /**
   * Removes the bytes of these versions, except routed, previous and pinned ones; returns the removed ones. Throws
   * LEASE_LOST, even for an empty list.
   */
  async remove(versions: ReadonlyMap<string, string>, epoch: Epoch): Promise<readonly string[]> {
    return this.#remove(removeVersions, versions, epoch)
  }

  /** Removes the bytes of these versions for good, except routed ones. */
  async retire(versions: ReadonlyMap<string, string>, epoch: Epoch): Promise<readonly string[]> {
    return this.#remove(retireVersions, versions, epoch)
  }

  async #remove(script: RedisScript, versions: ReadonlyMap<string, string>, epoch: Epoch) {
    const removed: string[] = []
    for (let from = 0; from === 0 || from < versions.size; from += PAGE) {
      const some = [...versions].slice(from, from + PAGE)
      const digests = some.map(([, digest]) => digest)
      const reply = await this.#script(script, [epoch, ...some.flat()], digests)
      if (reply === 'LEASE_LOST') throw leaseLost(epoch)
      if (Array.isArray(reply)) removed.push(...reply.map(String))
    }
    return removed
  }

  /**
   * Frees the bytes of versions that `remove` took, where Redis did not do it itself. A version that was published again
   * meanwhile may have lost them: a daemon that has it on disk puts them back.
   */
  async clear(removed: readonly (readonly [version: string, digest: string])[]): Promise<void> {
    const { bytes } = this.#options
    if (bytes.areInRedis) return
    for (const [version, digest] of removed) {
      await bytes.remove(digest)
      if ((await this.find(version))?.isKept === true) await this.report(version, digest)
    }
  }

  async sweep(nowMs: number): Promise<void> {
    const kept = await this.kept()
    await this.#options.bytes.sweep(new Set(kept.values()), nowMs)
  }

  async pin(version: string): Promise<void> {
    const { pins } = this.#options.remembered
    const outcome = await this.#script(pinVersion, [version, pins])
    if (outcome === 'PINS_FULL') throw pinsFull(pins)
    if (outcome === 'VERSION_REMOVED' || outcome === 'VERSION_UNKNOWN')
      throw absent(outcome, version)
  }

  async unpin(version: string): Promise<void> {
    await this.#script(unpinVersion, [version])
  }

  async pins(): Promise<PinsAt> {
    const [incarnation, revision, pins] = cellsOf(await this.#script(readPins, []))
    const versions = cellsOf(pins ?? null).map(String)
    return { incarnation: String(incarnation), revision: Number(revision), pins: versions.sort() }
  }

  async #commit(
    manifest: Manifest,
    files: Files,
    epoch: Epoch,
    how: 'publish' | 'restore' | 'force',
    generation: number,
  ): Promise<Commit> {
    const { version, digest } = manifest
    const json = Buffer.from(manifestBytes(manifest))
    for (let upload = 1; upload <= UPLOADS; upload += 1) {
      // The files of a restored version may be present but altered.
      const overwrite = how !== 'publish' || upload > 1
      const uploaded = await this.#upload(manifest, files, overwrite)
      if (uploaded === undefined) continue
      const { sizes, lengths } = uploaded
      const most = mostRemoved(this.#options.remembered, json.byteLength)
      const about = [version, digest, json, epoch, most, sizes, how, generation]
      const outcome = await this.#script(commitVersion, [...about, ...lengths], [digest])
      if (outcome === 'LEASE_LOST') throw leaseLost(epoch)
      if (outcome === 'OK' || outcome === 'VERSION_EXISTS' || outcome === 'VERSION_REMOVED')
        return outcome
      // INCOMPLETE: removed or flushed between two pieces.
    }
    throw failure('REDIS_UNAVAILABLE', `Redis keeps losing pieces of ${version}`, {
      details: { version },
    })
  }

  /** Undefined when Redis lost a part of it on the way. */
  async #upload(manifest: Manifest, files: Files, overwrite: boolean) {
    try {
      return await this.#options.bytes.upload(manifest, files, overwrite)
    } catch (error) {
      if (error instanceof CodedError && error.details.lost !== undefined) return undefined
      throw error
    }
  }

  #script(
    script: RedisScript,
    args: readonly (string | number | Buffer)[],
    digests: readonly string[] = [],
  ): Promise<RedisReply> {
    return this.#options.redis.script(script, scriptKeys(this.#options.keys, ...digests), args)
  }
}
