/**
 * Writes a version as a separate folder, which appears completely or not at all, and never replaces an existing one.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { failure } from '../platform/errors.ts'
import {
  forget,
  makeFolder,
  renameSynced,
  writeTemporaryFolder,
} from '../platform/store/atomic-file.ts'
import type { Version } from './contract.ts'
import { MANIFEST_FILE, manifestBytes } from './manifest.ts'
import type { Bundle } from './sealing.ts'

/** Throws `USAGE` if something is there. */
export function checkNewFolder(folder: string): void {
  if (existsSync(folder)) throw failure('USAGE', `${folder} already exists: choose a new folder`)
}

/** Returns the names of its files. */
export async function exportVersion(
  version: Version,
  folder: string,
  bundle: Pick<Bundle, 'write' | 'describe'>,
): Promise<readonly string[]> {
  checkNewFolder(folder)
  const files = new Map(bundle.write(version))
  files.set(MANIFEST_FILE, manifestBytes(version.manifest))
  for (const [name, bytes] of bundle.describe?.(version) ?? []) files.set(name, bytes)
  makeFolder(dirname(folder))
  const temporary = await writeTemporaryFolder(folder, files)
  try {
    renameSynced(temporary, folder)
  } finally {
    await forget(temporary)
  }
  return [...files.keys()]
}
