/**
 * Files and folders that are there whole or not at all, also after a power cut: written under a temporary name, synced,
 * renamed, and the folder that names them synced too.
 *
 * A temporary name holds the process that writes it, so that leftovers of the dead can be told from work in progress.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { diskFailure } from './disk-failure.ts'

/** Replaces the file at `path`, or leaves the one before. */
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
    await mkdir(temporary, { recursive: true })
    for (const [name, bytes] of files) await writeSynced(join(temporary, name), bytes)
    syncFolder(temporary)
    return temporary
  } catch (error) {
    await forget(temporary)
    throw diskFailure(error, path, 'cannot write')
  }
}

/** Makes a folder whose own name survives a power cut too. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    syncFolder(dirname(path))
  } catch (error) {
    throw diskFailure(error, path, 'cannot make')
  }
}

/** Synchronous, so that it can stand inside a transaction of the store. */
export function renameSynced(from: string, to: string): void {
  try {
    renameSync(from, to)
    syncFolder(dirname(to))
  } catch (error) {
    throw diskFailure(error, to, 'cannot rename to')
  }
}

/** Removes a temporary name, whether it was renamed away or not. */
export async function forget(temporary: string): Promise<void> {
  await rm(temporary, { recursive: true, force: true })
  inProgress.delete(temporary)
}

/** Whether `path` was made here by a process that has died, or by this one and given up. */
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
