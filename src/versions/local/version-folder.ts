/**
 * `versions/<version>/` on disk: complete or absent, and every byte of it checked when it is read.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '../contract.ts'
import {
  forget,
  isLeftover,
  makeFolder,
  renameSynced,
  temporaryPath,
  writeTemporaryFolder,
} from '../../platform/store/atomic-file.ts'
import { diskFailure } from '../../platform/store/disk-failure.ts'
import { corrupt, MANIFEST_FILE, manifestBytes, readManifest } from '../manifest.ts'

const versionPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** A whole adapter is held in memory; nothing near this size is one. */
const MOST_FILE_BYTES = 1024 ** 3
const AT_ONCE_BYTES = 64 * 1024

export class VersionFolders {
  readonly #folder: string

  /** `folder` is made when it is missing. */
  constructor(folder: string) {
    this.#folder = folder
    makeFolder(folder)
  }

  names(): readonly string[] {
    return this.#entries().filter((name) => versionPattern.test(name))
  }

  has(version: string): boolean {
    return versionPattern.test(version) && existsSync(this.#path(version))
  }

  async manifest(version: string): Promise<Manifest> {
    return readManifest(await this.manifestBytes(version), version)
  }

  /** Unchecked. */
  manifestBytes(version: string): Promise<Uint8Array> {
    return this.#read(version, MANIFEST_FILE)
  }

  /** Every file that the manifest names, with the very bytes that it was published with. */
  async files(manifest: Manifest): Promise<ReadonlyMap<string, Uint8Array>> {
    const files = Object.entries(manifest.files).map(async ([file, hash]) => {
      const bytes = await this.#read(manifest.version, file)
      if (sha256(bytes) !== hash) throw corrupt(manifest.version, file, 'its sha256 is another')
      return [file, bytes] as const
    })
    return new Map(await Promise.all(files))
  }

  /** Size of all its files, one of which may be missing. */
  async bytes({ version, files }: Manifest): Promise<number> {
    const names = [MANIFEST_FILE, ...Object.keys(files)]
    const sizes = await Promise.all(names.map((file) => sizeOf(join(this.#path(version), file))))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** What the file system knows of each file: another text when any of them was written, replaced or removed since. */
  stamp({ version, files }: Manifest): string {
    const names = [MANIFEST_FILE, ...Object.keys(files)]
    return names.map((file) => stampOf(join(this.#path(version), file))).join()
  }

  /** On disk under a temporary name, for `put` and then `drop`. */
  prepare(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>): Promise<string> {
    const all = new Map([...files, [MANIFEST_FILE, manifestBytes(manifest)]])
    return writeTemporaryFolder(this.#path(manifest.version), all)
  }

  /** Names a prepared folder: from now on the version is there, whole. */
  put(prepared: string, version: string): void {
    renameSynced(prepared, this.#path(version))
  }

  /** From now on the version is absent; pass the result to `drop` to free its space. */
  takeAway(version: string): string {
    const trash = temporaryPath(this.#path(version))
    renameSynced(this.#path(version), trash)
    return trash
  }

  async drop(temporary: string): Promise<void> {
    await forget(temporary)
  }

  /** Temporary folders of processes that died in the middle of something. */
  async sweep(): Promise<void> {
    for (const name of this.#entries()) {
      const path = join(this.#folder, name)
      if (isLeftover(path)) await forget(path)
    }
  }

  #entries(): readonly string[] {
    try {
      return readdirSync(this.#folder)
    } catch (error) {
      throw diskFailure(error, this.#folder, 'cannot read')
    }
  }

  async #read(version: string, file: string): Promise<Uint8Array> {
    const path = join(this.#path(version), file)
    try {
      const { size } = statSync(path)
      if (size > MOST_FILE_BYTES) throw corrupt(version, file, `it has ${size} bytes`)
      // Five trips to a thread take longer than to read a small file, like a row of a store.
      if (size > AT_ONCE_BYTES) return await readFile(path)
      // A copy, because Node reads into memory that other buffers share.
      return new Uint8Array(readFileSync(path))
    } catch (error) {
      if (isMissing(error)) throw corrupt(version, file, 'it is missing')
      throw diskFailure(error, path, 'cannot read')
    }
  }

  #path(version: string): string {
    return join(this.#folder, version)
  }
}

function stampOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return 'missing'
  const { dev, ino, size, mtimeNs, ctimeNs } = found
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return 0
    throw diskFailure(error, path, 'cannot read')
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return false
  return error.code === 'ENOENT' || error.code === 'ENOTDIR'
}
