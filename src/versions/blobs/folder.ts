/**
 * Blobs in a folder that every daemon of the fleet sees: on one machine, or on a network file system. `<scope>/<name>`
 * holds the bytes, so that a version in it opens like any other folder of an adapter.
 */
import { randomUUID } from 'node:crypto'
import { opendir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { makeFolder, renameSynced } from '../../platform/store/atomic-file.ts'
import { diskFailure } from '../../platform/store/disk-failure.ts'
import type { Blob, BlobStore, Content, PutOptions, StoredScope } from './blob-store.ts'
import { fromFile, guarded, measured, missing, verified, written } from './pieces.ts'

export function openFolderBlobs(folder: string): BlobStore {
  return new FolderBlobs(folder)
}

const UNFINISHED = '.unfinished-'

class FolderBlobs implements BlobStore {
  readonly place: string

  constructor(folder: string) {
    this.place = folder
  }

  async put(
    blob: Blob,
    content: Content,
    { overwrite, beforePiece }: PutOptions = {},
  ): Promise<void> {
    if (overwrite !== true && (await this.has(blob))) return
    const path = this.#path(blob)
    // A process id, as in other temporary names, does not distinguish two machines.
    const temporary = join(this.place, blob.scope, `${UNFINISHED}${randomUUID()}`)
    try {
      makeFolder(join(this.place, blob.scope))
      await written(temporary, verified(blob, guarded(content(), beforePiece)))
      renameSynced(temporary, path)
    } catch (error) {
      throw folderFailure(error, path, 'cannot write')
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined)
    }
  }

  async *get(blob: Blob): AsyncGenerator<Uint8Array> {
    const path = this.#path(blob)
    if ((await sizeOf(path)) === undefined) throw missing(blob)
    yield* verified(blob, fromFile(path)())
  }

  /** A file has no place for its hash: the bytes are read. */
  async has(blob: Blob): Promise<boolean> {
    const path = this.#path(blob)
    if ((await sizeOf(path)) !== blob.bytes) return false
    return (await measured(fromFile(path))).sha256 === blob.sha256
  }

  /** A scope with nothing but an unfinished file too: its writer may have been killed, and only a listed one is removed. */
  async *list(): AsyncGenerator<StoredScope> {
    for await (const scope of entriesOf(this.place)) {
      let [bytes, addedMs] = [0, 0]
      for await (const name of entriesOf(join(this.place, scope))) {
        const found = await statOf(join(this.place, scope, name))
        bytes += found?.size ?? 0
        addedMs = Math.max(addedMs, found?.mtimeMs ?? 0)
      }
      if (addedMs > 0) yield { scope, bytes, addedMs }
    }
  }

  async remove(scope: string): Promise<void> {
    const path = join(this.place, scope)
    try {
      await rm(path, { recursive: true, force: true })
    } catch (error) {
      throw folderFailure(error, path, 'cannot remove')
    }
  }

  #path({ scope, name }: Blob): string {
    return join(this.place, scope, name)
  }
}

/** None when there is no such folder. */
async function* entriesOf(folder: string): AsyncGenerator<string> {
  if ((await statOf(folder))?.isDirectory() !== true) return
  try {
    for await (const { name } of await opendir(folder)) yield name
  } catch (error) {
    throw folderFailure(error, folder, 'cannot read')
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await statOf(path))?.size
}

async function statOf(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw folderFailure(error, path, 'cannot read')
  }
}

/** A full disk is reported as such; any other fault concerns this folder, not `data_dir`. */
function folderFailure(error: unknown, path: string, what: string): CodedError {
  if (error instanceof CodedError && !DISK_CODES.has(error.code)) return error
  const fault = diskFailure(error, path, what)
  if (fault.code === 'DISK_FULL') return fault
  return failure('BLOBS_UNAVAILABLE', fault.message, { details: { path }, cause: error })
}

const DISK_CODES = new Set(['DATA_DIR_UNWRITABLE', 'STORE_FAILED', 'DESCRIPTORS_SCARCE'])
