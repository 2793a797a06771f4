/**
 * Files and folders that exist completely or not at all, even after a power cut: written under a temporary name,
 * synced, renamed, and the parent folder synced too.
 *
 * A temporary name contains the process id, which distinguishes leftovers of dead processes from work in progress.
 */
import {
  closeSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFile,
  writeFileSync,
} from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { diskFailure } from './disk-failure.ts'

/** Replaces the file at `path`, or leaves the previous one. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryPath(path)
  try {
    await writeSynced(temporary, bytes)
    renameSynced(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw diskFailure(error, path, 'cannot write')
  } finally {
    inProgress.delete(temporary)
  }
}

/** A folder beside `path` with these files, all on disk: rename it with `renameSynced`, then `forget` it. */
export async function writeTemporaryFolder(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const temporary = temporaryPath(path)
  try {
    mkdirSync(temporary, { recursive: true })
    await writeFiles(temporary, files)
    return temporary
  } catch (error) {
    await forget(temporary)
    throw diskFailure(error, path, 'cannot write')
  }
}

/** Makes a folder that itself survives a power cut. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    syncFolder(dirname(path))
  } catch (error) {
    throw diskFailure(error, path, 'cannot make')
  }
}

/** Synchronous, so that it can run inside a transaction of the store. */
export function renameSynced(from: string, to: string): void {
  try {
    renameSync(from, to)
    inProgress.delete(from)
    syncFolder(dirname(to))
  } catch (error) {
    throw diskFailure(error, to, 'cannot rename to')
  }
}

/** Removes a temporary file or folder, whether it was renamed or not. */
export async function forget(temporary: string): Promise<void> {
  await rm(temporary, { recursive: true, force: true })
  inProgress.delete(temporary)
}

/** Whether `path` is a leftover: of a process that has died, or of this one after it gave up. */
export function isLeftover(path: string): boolean {
  const match = /^\.tmp-(\d+)-\d+-/.exec(basename(path))
  if (match === null || inProgress.has(path)) return false
  const pid = Number(match[1])
  return pid === process.pid || !isAlive(pid)
}

/** Temporary paths that this process is writing now. */
const inProgress = new Set<string>()
let made = 0

/** In the same folder as `path`, so that a rename does not cross disks. */
export function temporaryPath(path: string): string {
  made += 1
  const name = `.tmp-${process.pid}-${made}-${basename(path)}`
  const temporary = join(dirname(path), name)
  inProgress.add(temporary)
  return temporary
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Synced together, with the names in the folder: they wait for the disk once. */
async function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const opened: number[] = []
  try {
    for (const [name, bytes] of files) {
      const file = openSync(join(folder, name), 'w')
      opened.push(file)
      // A trip to a thread takes longer than to write a small file.
      if (bytes.length <= AT_ONCE_BYTES) writeFileSync(file, bytes)
      else await write(file, bytes)
    }
    opened.push(openSync(folder, 'r'))
    // None may still be synced when it is closed.
    const synced = await Promise.allSettled(opened.map((each) => sync(each)))
    const failed = synced.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  } finally {
    for (const each of opened) closeSync(each)
  }
}

const AT_ONCE_BYTES = 256 * 1024
const sync = promisify(fsync)
const write = promisify(writeFile)

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
