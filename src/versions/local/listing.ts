/**
 * Lists versions, newest first. Reads the index and not the folders, so a folder that was removed by hand is listed
 * until a registry is opened.
 */
import { CodedError } from '../../contracts/core.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { ListedVersion } from '../contract.ts'
import { readManifest } from '../manifest.ts'
import { newestFirst } from '../order.ts'
import { intact, unreadable } from './intact.ts'
import type { VersionIndex } from './version-index.ts'

/** How many manifests are read at once. */
const READ_AT_ONCE = 20

/** The bytes of a manifest, unchecked. */
export interface UncheckedVersion {
  readonly version: string
  readonly bytes: Uint8Array
  readonly removed: boolean
}

/** The newest `count` readable versions, and the problems of the unreadable ones among them. */
export async function listVersions(
  index: Pick<VersionIndex, 'folders' | 'retired'>,
  read: (version: string) => Promise<UncheckedVersion>,
  count: number,
  before?: string,
) {
  const found: ListedVersion[] = []
  const corrupt: CodedError[] = []
  for (let last = before; found.length < count;) {
    const names = newest(index, count - found.length, last)
    if (names.length === 0) break
    for (let from = 0; from < names.length; from += READ_AT_ONCE) {
      const some = names.slice(from, from + READ_AT_ONCE)
      const bytes = await Promise.all(some.map((name) => intact(read(name))))
      // In slices of the event loop: a check takes a millisecond until its code is compiled.
      for (const listed of await eventLoop.each(bytes, listedOf)) {
        if (!(listed instanceof CodedError)) found.push(listed)
        else if (listed.code === 'VERSION_CORRUPT') corrupt.push(listed)
      }
    }
    last = names.at(-1)
  }
  return { found, corrupt }
}

function newest(
  index: Pick<VersionIndex, 'folders' | 'retired'>,
  count: number,
  before: string | undefined,
): readonly string[] {
  const names = new Set([...index.folders(count, before), ...index.retired(count, before)])
  return newestFirst(names).slice(0, count)
}

function listedOf(unchecked: UncheckedVersion | CodedError): ListedVersion | CodedError {
  if (unchecked instanceof CodedError) return unchecked
  const { version, bytes, removed } = unchecked
  try {
    return { manifest: readManifest(bytes, version), removed }
  } catch (error) {
    return unreadable(error)
  }
}
