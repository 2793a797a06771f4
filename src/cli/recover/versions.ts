/** Which versions of a model can answer, which of them it goes on from, and where that one ended in the stream. */
import type { Base } from '../../contracts/network.ts'
import type { Positions } from '../../contracts/stream.ts'
import type { Routing, Manifest } from '../../versions/contract.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Ledger } from '../../versions/local/ledger.ts'
import { readManifest } from '../../versions/manifest.ts'
import { newestFirst, numberOf } from '../../versions/order.ts'
import { checkOrigin, openVersion, type Bundle } from '../../versions/sealing.ts'
import { VersionFolders } from '../../versions/local/version-folder.ts'
import { versionsBefore } from '../../serving/live/version-before.ts'

export interface FoundVersion {
  readonly version: string
  /** Absent where it cannot be read. */
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

/** Newest first. Every byte of each is read and checked. */
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

/** Of versions whose bytes were removed, as far as they are remembered. */
export function removedManifests(ledger: Ledger): readonly Manifest[] {
  return ledger.retiredVersions(MANIFESTS).flatMap((version) => {
    const bytes = ledger.retired(version)
    return bytes === undefined ? [] : [readManifest(bytes, version)]
  })
}

/** The live one, else as a rollback would choose, else the newest. `known`: what the checkpoint says was live. */
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
 * Where a trainer stood when that version was made. A version that a person went back to left its successors aside, and
 * what they had learned: the position is theirs.
 */
export function positionsAt(
  version: Manifest,
  manifests: readonly Manifest[],
  history: readonly Routing[],
): Readonly<Record<string, Positions>> {
  const isPersons = ({ by }: Routing) => by === 'rollback' || by === 'promote'
  const move = history.find((each) => each.live.version === version.version && isPersons(each))
  const untilMs = Math.max(Date.parse(version.created), move?.sinceMs ?? 0)
  const positions: Record<string, Record<string, string>> = {}
  const before = manifests.filter(({ created }) => Date.parse(created) <= untilMs)
  for (const { span } of before.toSorted((a, b) => numberOf(a.version) - numberOf(b.version)))
    for (const [source, partitions] of Object.entries(span))
      for (const [partition, [, end]] of Object.entries(partitions))
        (positions[source] ??= {})[partition] = end
  return positions
}
