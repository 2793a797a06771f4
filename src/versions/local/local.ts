/**
 * The registry of one model on a local disk: `versions/<v>/` folders beside `registry.db`. Several processes use it
 * concurrently: the trainer publishes and points, every server loads, watches and points. A reader gets a version with
 * every byte verified, made for this base and task, or an error that names the file.
 */
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { CodedError, type Clock, type Logger } from '../../contracts/core.ts'
import type {
  KeepResult,
  ListedVersion,
  Manifest,
  Registry,
  Retention,
  Routing,
  RoutingMove,
  Version,
  VersionDraft,
} from '../contract.ts'
import { PointerWatch } from '../pointer-watch.ts'
import { checkMove, proveMove, routedVersions } from '../routing.ts'
import {
  checkOrigin,
  openVersion,
  sealVersion,
  type Bundle,
  type Origin,
  type SealedVersion,
} from '../sealing.ts'
import { closeAll } from '../../platform/closers.ts'
import { Ledger, type LedgerLimits } from './ledger.ts'
import { Versions } from './versions.ts'

export interface LocalRegistryOptions extends Origin {
  /** The model's folder under `data_dir`. */
  readonly folder: string
  readonly bundle: Bundle
  readonly clock: Clock
  readonly log: Logger
  readonly remembered?: Partial<LedgerLimits>
  /** How soon a move by another process is seen. */
  readonly pollMs?: number
}

export interface LocalRegistry extends Registry {
  /** Checks for a move immediately instead of at the next poll. */
  wake(): void
  /** The server of this folder answers with it: its bytes stay until it answers with another. */
  answersWith(version: string): void
}

export async function openLocalRegistry(options: LocalRegistryOptions): Promise<LocalRegistry> {
  const registry = new FolderRegistry(options)
  await registry.repair()
  return registry
}

const POLL_MS = 200
/** The default page size of `list`. */
export const PAGE_VERSIONS = 100

class FolderRegistry implements LocalRegistry {
  readonly #options: LocalRegistryOptions
  readonly #ledger: Ledger
  readonly #versions: Versions
  readonly #watch: PointerWatch
  readonly #answering: Answering
  /** The last version that was written here, checked in memory, and its folder then. */
  #written: { readonly manifest: Manifest; readonly stamp: string } | undefined

  constructor(options: LocalRegistryOptions) {
    this.#options = options
    const { folder, clock, log, pollMs = POLL_MS, remembered } = options
    this.#ledger = new Ledger(join(folder, 'registry.db'), clock, remembered)
    this.#answering = new Answering(folder)
    this.#versions = new Versions(join(folder, 'versions'), this.#ledger)
    this.#watch = new PointerWatch({ read: () => this.#ledger.live(), clock, pollMs, log })
  }

  repair(): Promise<void> {
    return this.#versions.repair()
  }

  async publish(draft: VersionDraft): Promise<Manifest> {
    const { manifest, files } = sealVersion(draft, this.#options)
    checkOrigin(manifest, this.#options)
    const opens = this.#opens({ manifest, files })
    const added = await this.#versions.add(manifest, files)
    // Of an older folder with this content the files are not known to be whole.
    const isKnown = opens && added === manifest
    this.#written = isKnown ? { manifest, stamp: this.#versions.stamp(manifest) } : undefined
    return added
  }

  /** One that does not is refused when it is to become live. */
  #opens(sealed: SealedVersion): boolean {
    try {
      openVersion(sealed, this.#options)
      return true
    } catch (error) {
      if (error instanceof CodedError) return false
      throw error
    }
  }

  async load(version: string): Promise<Version> {
    const { manifest, files } = await this.#versions.read(version)
    checkOrigin(manifest, this.#options)
    return openVersion({ manifest, files }, this.#options)
  }

  /** What was written here a moment ago is not read back unless a file was touched since. */
  async #proved(version: string): Promise<Pick<Version, 'manifest'>> {
    const { manifest, stamp } = this.#written ?? {}
    const isKnown = manifest?.version === version && this.#versions.stamp(manifest) === stamp
    return isKnown ? { manifest } : this.load(version)
  }

  manifest(version: string): Promise<Manifest> {
    return this.#versions.manifest(version)
  }

  find(version: string): Promise<ListedVersion> {
    return this.#versions.find(version)
  }

  async list(count = PAGE_VERSIONS, before?: string) {
    const { found, corrupt } = await this.#versions.list(count, before)
    for (const error of corrupt) this.#options.log.warn({ err: error }, 'left out of the list')
    return found
  }

  async live(): Promise<Routing | undefined> {
    return this.#ledger.live()
  }

  async point(move: RoutingMove): Promise<Routing> {
    checkMove(move)
    const { expect, reason, by, asks, actor } = move
    const { routed } = await proveMove(move, (version) => this.#proved(version))
    const pointer = this.#ledger.exclusively(() => {
      for (const { version } of routedVersions(routed)) this.#versions.checkPresent(version)
      return this.#ledger.move({ ...routed, expect, reason, by, asks, actor })
    })
    this.#watch.wake()
    return pointer
  }

  async history(count: number, before?: number, live?: string): Promise<readonly Routing[]> {
    return this.#ledger.history(count, before, live)
  }

  watch(onChange: (pointer: Routing) => void): () => void {
    return this.#watch.add(onChange)
  }

  wake(): void {
    this.#watch.wake()
  }

  keep(retention: Retention, protectedVersions: readonly string[]): Promise<KeepResult> {
    const answering = this.#answering.versions()
    return this.#versions.keep(retention, [...protectedVersions, ...answering])
  }

  async retire(versions: readonly string[]): Promise<readonly string[]> {
    return this.#versions.retire(versions, this.#answering.versions())
  }

  answersWith(version: string): void {
    this.#answering.note(version)
  }

  async pin(version: string): Promise<void> {
    this.#ledger.exclusively(() => {
      this.#versions.checkPresent(version)
      this.#ledger.pin(version)
    })
  }

  async unpin(version: string): Promise<void> {
    this.#ledger.unpin(version)
  }

  async pins(): Promise<readonly string[]> {
    return this.#ledger.pins()
  }

  async close(): Promise<void> {
    this.#watch.stop()
    await closeAll([this.#answering, this.#ledger])
  }
}

/**
 * Which version the server of this folder answers with, for the trainer that removes old ones: a separate process that
 * knows only the pointer. The two differ while a version cannot be loaded, and then the bytes of the answering one must
 * stay. A folder has one server at a time, so one small file is enough; an old file only keeps one version too many.
 */
export class Answering {
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.#path = join(folder, 'answering')
  }

  /** After the answer: no request waits for the disk. */
  note(version: string): void {
    this.#writing = this.#writing.then(() => this.#write(version)).catch(() => undefined)
  }

  /** As a list of one, or of none. */
  versions(): readonly string[] {
    try {
      return [readFileSync(this.#path, 'utf8').trim()]
    } catch {
      return []
    }
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #write(version: string): Promise<void> {
    const temporary = `${this.#path}.new`
    await writeFile(temporary, `${version}\n`)
    await rename(temporary, this.#path)
  }
}

export type { Bundle } from '../sealing.ts'
