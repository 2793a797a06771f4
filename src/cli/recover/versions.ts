/** The versions of a model that can answer, the one to continue from, and where it ended in the stream. */
import type { Base } from '../../contracts/base.ts'
import type { Positions } from '../../contracts/source.ts'
import type { Routing, Manifest } from '../../versions/contract.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Ledger } from '../../versions/local/ledger.ts'
import { readManifest } from '../../versions/manifest.ts'
import { newestFirst, numberOf } from '../../versions/order.ts'
import { checkOrigin, openVersion, type Bundle } from '../../versions/sealing.ts'
import { VersionFolders } from '../../versions/local/version-folder.ts'
import { isFollowed } from '../../versions/routing.ts'
import { versionsBefore } from '../../serving/live/live-pointer.ts'

export interface FoundVersion {
  readonly version: string
  /** Absent if it cannot be read. */
  readonly manifest?: Manifest
  /** Why it cannot answer; absent: it can. */
  readonly why?: string
}

export interface VersionParts {
  readonly folder: string
  readonly model: string
  readonly base: Base
  readonly task: string
  readonly bundle: Bundle
}

/** Newest first. Every byte of each is read and verified. */
export async function examineVersions(parts: VersionParts): Promise<readonly FoundVersion[]> {
  const folders = new VersionFolders(parts.folder)
  const found: FoundVersion[] = []
  for (const version of newestFirst(folders.names()))
    found.push(await look(version, folders, parts))
  return found
}

async function look(
  version: string,
  folders: VersionFolders,
  { model, base, task, bundle }: VersionParts,
): Promise<FoundVersion> {
  let manifest: Manifest | undefined
  try {
    manifest = await folders.manifest(version)
    checkOrigin(manifest, { model, base, task, bundle })
    openVersion({ manifest, files: await folders.files(manifest) }, { bundle })
    return { version, manifest }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return { version, ...(manifest && { manifest }), why: `${error.code}: ${error.message}` }
  }
}

const MANIFESTS = 2000

/** Versions without bytes, which `keep` removed, as far as they are recorded. */
export function removedManifests(ledger: Ledger): readonly Manifest[] {
  return ledger.index.retired(MANIFESTS).flatMap((version) => {
    const bytes = ledger.retired(version)
    return bytes === undefined ? [] : [readManifest(bytes, version)]
  })
}

/**
 * The live one, otherwise the one a rollback would choose, otherwise the newest. `known`: the live version according to
 * the checkpoint.
 */
export function chooseVersion(
  found: readonly FoundVersion[],
  history: readonly Routing[],
  known: readonly string[],
): FoundVersion | undefined {
  const usable = found.filter(({ why }) => why === undefined)
  const [pointer] = history
  const order = [...(pointer ? [pointer.live.version] : []), ...versionsBefore(history), ...known]
  for (const name of order) {
    const version = usable.find((each) => each.version === name)
    if (version !== undefined) return version
  }
  return usable[0]
}

/**
 * The trainer's position when that version was made. A rollback to a version set its successors aside, and everything
 * they had learned: the position is theirs.
 */
export function positionsAt(
  version: Manifest,
  manifests: readonly Manifest[],
  history: readonly Routing[],
): Readonly<Record<string, Positions>> {
  const move = history.find((each) => each.live.version === version.version && isFollowed(each))
  const untilMs = Math.max(Date.parse(version.created), move?.sinceMs ?? 0)
  const positions: Record<string, Record<string, string>> = {}
  const before = manifests.filter(({ created }) => Date.parse(created) <= untilMs)
  for (const { span } of before.toSorted((a, b) => numberOf(a.version) - numberOf(b.version)))
    for (const [source, partitions] of Object.entries(span)) {
      // From the stream of a fleet since then: the place was one in the inbox of the daemon that had trained before.
      if (source === 'http' && !('0' in partitions)) delete positions.http?.['0']
      for (const [partition, [, end]] of Object.entries(partitions))
        (positions[source] ??= {})[partition] = end
    }
  return positions
}
