/**
 * The versions of one model, stored or removed: folders on disk, and in the ledger the records of removed ones.
 *
 * A folder gets or loses its name only inside the ledger's write lock, so publishing, removing and pointing are
 * serialised across processes. A removal is recorded first and then carried out; the next process that opens the
 * registry finishes it.
 */
import { CodedError } from '../../contracts/core.ts'
import type { KeepResult, ListedVersion, Manifest, Retention, Routing } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import type { Ledger } from './ledger.ts'
import { listVersions, type UncheckedVersion, intact } from './listing.ts'
import { manifestBytes, readManifest } from '../manifest.ts'
import { newestFirst } from '../order.ts'
import { bytesOf, footprintOf, surplusOf, type Footprint } from '../retention.ts'
import { namesOf, routedVersions } from '../routing.ts'
import { VersionFolders } from './version-folder.ts'

type Files = ReadonlyMap<string, Uint8Array>

/** The version that has a name already, and whether it could be loaded. */
interface Holder {
  readonly manifest: Manifest | undefined
  readonly isWhole: boolean
}

export class Versions {
  readonly #folders: VersionFolders
  readonly #ledger: Ledger
  /** Footprints of the versions with bytes here, as far as they were checked. */
  #known = new Map<string, Footprint>()

  constructor(folder: string, ledger: Ledger) {
    this.#folders = new VersionFolders(folder)
    this.#ledger = ledger
  }

  /** Finishes or undoes what dead processes had begun. */
  async repair(): Promise<void> {
    await this.#folders.sweep()
    this.#ledger.exclusively(() => {
      this.#ledger.index.follow(this.#folders.names())
    })
    await this.#clear(this.#ledger.index.left)
  }

  /** The same content again succeeds, and repairs a torn folder; other content under a taken name is VERSION_EXISTS. */
  async add(manifest: Manifest, files: Files): Promise<Manifest> {
    const holder = await this.#holder(manifest.version)
    if (holder?.manifest !== undefined) {
      if (holder.manifest.digest !== manifest.digest) throw exists(holder.manifest, manifest)
      if (holder.isWhole) return holder.manifest
    }
    const isPut = await this.#put(manifest, files, holder !== undefined)
    return isPut ? manifest : this.add(manifest, files)
  }

  /** Replaces anything that has the name now. */
  async replace(manifest: Manifest, files: Files): Promise<void> {
    await this.#put(manifest, files, true)
  }

  /** Versions with bytes here. */
  names(): readonly string[] {
    return newestFirst(this.#folders.names())
  }

  /** Whether its bytes are here. */
  has(version: string): boolean {
    return this.#folders.has(version)
  }

  /** Every byte verified. */
  async read(version: string): Promise<{ readonly manifest: Manifest; readonly files: Files }> {
    this.checkPresent(version)
    try {
      const manifest = await this.#folders.manifest(version)
      return { manifest, files: await this.#folders.files(manifest) }
    } catch (error) {
      // Removed while it was being read: not corrupt.
      this.checkPresent(version)
      throw error
    }
  }

  /** See `VersionFolders.stamp`. */
  stamp(manifest: Manifest): string {
    return this.#folders.stamp(manifest)
  }

  /** Also of a version without bytes. */
  async manifest(version: string): Promise<Manifest> {
    const retired = this.#ledger.retired(version)
    if (retired !== undefined) return readManifest(retired, version)
    this.checkPresent(version)
    return this.#folders.manifest(version)
  }

  async find(version: string): Promise<ListedVersion> {
    const removed = this.#ledger.retired(version) !== undefined
    return { manifest: await this.manifest(version), removed }
  }

  /** The newest `count` readable versions, and the problems of the unreadable ones among them. */
  async list(count: number, before?: string) {
    const read = async (version: string) => this.#bytesOf(version)
    return listVersions(this.#ledger.index, read, count, before)
  }

  /** The bytes of its manifest, unchecked. */
  async #bytesOf(version: string): Promise<UncheckedVersion> {
    const retired = this.#ledger.retired(version)
    if (retired !== undefined) return { version, bytes: retired, removed: true }
    this.checkPresent(version)
    return { version, bytes: await this.#folders.manifestBytes(version), removed: false }
  }

  async keep(retention: Retention, protectedVersions: readonly string[]): Promise<KeepResult> {
    const all = await this.#footprints()
    const stays = this.#staying(protectedVersions)
    const removed = await this.remove(surplusOf(all, retention, stays), protectedVersions)
    const left = all.filter(({ version }) => !removed.includes(version))
    return { removed, versions: left.length, bytes: bytesOf(left) }
  }

  /** Removes these versions, except those that must stay; returns the removed ones. */
  async remove(
    versions: readonly string[],
    protectedVersions: readonly string[],
  ): Promise<readonly string[]> {
    const old: Manifest[] = []
    for (const version of versions.filter((name) => this.#folders.has(name))) {
      const manifest = await intact(this.#folders.manifest(version))
      // A corrupt version stays in place, for a person to inspect.
      if (!(manifest instanceof CodedError)) old.push(manifest)
    }
    const removed = this.#retire(old, () => this.#staying(protectedVersions))
    await this.#clear(removed)
    return removed
  }

  /**
   * Removes versions for good, corrupt and pinned ones too, except those that are routed or answering; returns the
   * removed ones.
   */
  async retire(versions: readonly string[], answering: readonly string[]) {
    const old: Manifest[] = []
    for (const version of versions) {
      if (this.#ledger.retired(version) !== undefined) continue
      const manifest = await intact(this.manifest(version))
      if (!(manifest instanceof CodedError)) old.push(manifest)
    }
    const routed = () => {
      const routing = this.#ledger.live()
      return new Set([...answering, ...(routing ? routedNames(routing) : [])])
    }
    const removed = this.#retire(old, routed, true)
    await this.#clear(removed)
    return versions.filter((version) => !this.#folders.has(version))
  }

  /** Throws VERSION_REMOVED or VERSION_UNKNOWN. */
  checkPresent(version: string): void {
    const details = { version }
    if (this.#ledger.retired(version) !== undefined) {
      throw failure('VERSION_REMOVED', `the bytes of ${version} were removed`, { details })
    }
    if (!this.#folders.has(version)) {
      throw failure('VERSION_UNKNOWN', `there is no version ${version.slice(0, 64)}`, { details })
    }
  }

  async #holder(version: string): Promise<Holder | undefined> {
    const retired = this.#ledger.retired(version)
    if (retired !== undefined) return { manifest: readManifest(retired, version), isWhole: false }
    if (!this.#folders.has(version)) return undefined
    const manifest = await intact(this.#folders.manifest(version))
    if (manifest instanceof CodedError) return { manifest: undefined, isWhole: false }
    const files = await intact(this.#folders.files(manifest))
    return { manifest, isWhole: !(files instanceof CodedError) }
  }

  /** False when another process was quicker. */
  async #put(manifest: Manifest, files: Files, replaces: boolean): Promise<boolean> {
    const { version } = manifest
    this.#known.delete(version)
    const prepared = await this.#folders.prepare(manifest, files)
    const temporaries = new Set([prepared])
    // One that was removed is only back when the ledger says so.
    const how = this.#ledger.retired(version) === undefined ? 'unsynced' : undefined
    try {
      return this.#ledger.exclusively(() => {
        if (this.#folders.has(version)) {
          if (!replaces) return false
          temporaries.add(this.#folders.takeAway(version))
        }
        this.#folders.put(prepared, version)
        temporaries.delete(prepared)
        this.#ledger.index.put(version)
        this.#ledger.unretire(version)
        this.#known.set(version, footprintOf(manifest, sizeOf(manifest, files)))
        return true
      }, how)
    } finally {
      for (const temporary of temporaries) await this.#folders.drop(temporary)
    }
  }

  #staying(protectedVersions: readonly string[]): ReadonlySet<string> {
    const routing = this.#ledger.live()
    const routed = routing === undefined ? [] : namesOf(routing)
    return new Set([...protectedVersions, ...this.#ledger.pins(), ...routed])
  }

  /** Newest first. Read once for each version, because it does not change; a corrupt one is left out, and stays. */
  async #footprints(): Promise<readonly Footprint[]> {
    const known = this.#known
    this.#known = new Map()
    const all: Footprint[] = []
    for (const version of this.names()) {
      const footprint = known.get(version) ?? (await intact(this.#footprint(version)))
      if (footprint instanceof CodedError) continue
      all.push(footprint)
      this.#known.set(version, footprint)
    }
    return all
  }

  async #footprint(version: string): Promise<Footprint> {
    const manifest = await this.#folders.manifest(version)
    return footprintOf(manifest, await this.#folders.bytes(manifest))
  }

  #retire(
    old: readonly Manifest[],
    staying: () => ReadonlySet<string>,
    unpins = false,
  ): readonly string[] {
    return this.#ledger.exclusively(() => {
      const kept = staying()
      const going = old.filter(({ version }) => !kept.has(version) && this.#folders.has(version))
      for (const manifest of going) {
        this.#ledger.retire(manifest)
        if (unpins) this.#ledger.unpin(manifest.version)
      }
      return going.map(({ version }) => version)
    })
  }

  /** Removes the folders of retired versions; a version that was published again meanwhile stays. */
  async #clear(versions: readonly string[]): Promise<void> {
    const isGone = (version: string): boolean =>
      this.#ledger.retired(version) !== undefined && this.#folders.has(version)
    if (!versions.some(isGone)) return
    const trash = this.#ledger.exclusively(
      () =>
        versions.filter(isGone).map((version) => {
          this.#ledger.index.takeAway(version)
          return this.#folders.takeAway(version)
        }),
      'unsynced',
    )
    for (const temporary of trash) await this.#folders.drop(temporary)
  }
}

/** The bytes of a version's folder. */
function sizeOf(manifest: Manifest, files: Files): number {
  const all = [manifestBytes(manifest), ...files.values()]
  return all.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

function routedNames(routing: Routing): readonly string[] {
  return routedVersions(routing).map(({ version }) => version)
}

function exists(holder: Manifest, manifest: Manifest): CodedError {
  const { version } = manifest
  return failure('VERSION_EXISTS', `${version} exists with another content`, {
    details: { version, found: holder.digest, offered: manifest.digest },
  })
}
