/** Writes a version as a folder of its own, which appears whole or not at all, and never over something that is there. */
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

/** Throws `USAGE` where something is there. */
export function checkNewFolder(folder: string): void {
  if (existsSync(folder)) throw failure('USAGE', `${folder} already exists: choose a new folder`)
}

/** Answers the names of its files. */
export async function exportVersion(
  version: Version,
  folder: string,
  bundle: Pick<Bundle, 'write'>,
): Promise<readonly string[]> {
  checkNewFolder(folder)
  const files = new Map(bundle.write(version))
  files.set(MANIFEST_FILE, manifestBytes(version.manifest))
  makeFolder(dirname(folder))
  const temporary = await writeTemporaryFolder(folder, files)
  try {
    renameSynced(temporary, folder)
  } finally {
    await forget(temporary)
  }
  return [...files.keys()]
}
