/**
 * Names of versions in `registry.db`, by age, so that a page of a list costs the same among a hundred versions and among
 * a hundred thousand: those with a folder, and those without bytes, which keep their manifest.
 *
 * The folders themselves are the truth. Each change of them is made inside `Ledger.exclusively` together with this index;
 * what a crash in between, or a person, left different is put right when a registry is opened.
 */
import type { Row } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'
import { numberOf, newestFirst } from '../order.ts'
import { CodedError } from '../../contracts/core.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { ListedVersion } from '../contract.ts'
import { readManifest } from '../manifest.ts'

/** In `ledgerMigrations`. */
export const indexTables = `
  CREATE TABLE folder (version TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX folder_by_age ON folder (number, length(version), version);`

/** SQL's cast takes the leading digits of a text. */
const age = (version: string) =>
  `CAST(substr(${version}, 2) AS INTEGER), length(${version}), ${version}`

/** As in `newestFirst`. */
export const retiredByAge =
  'CAST(substr(version, 2) AS INTEGER) DESC, length(version) DESC, version DESC'
const foldersByAge = 'number DESC, length(version) DESC, version DESC'

export class VersionIndex {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Call these two inside `exclusively`, with the change of the folder. */
  put(version: string): void {
    const sql = 'INSERT OR IGNORE INTO folder (version, number) VALUES (?, ?)'
    this.#store.run(sql, version, numberOf(version))
  }

  takeAway(version: string): void {
    this.#store.run('DELETE FROM folder WHERE version = ?', version)
  }

  /** The folders that are there; call it inside `exclusively`. */
  follow(folders: readonly string[]): void {
    const known = new Set(this.#store.all('SELECT version FROM folder').map(versionIn))
    for (const version of folders) if (!known.delete(version)) this.put(version)
    for (const version of known) this.takeAway(version)
  }

  /** Newest first; with `before`, only those that are older. */
  folders(count: number, before?: string): readonly string[] {
    const older = 'WHERE (number, length(version), version) < (?, ?, ?)'
    const bound = before === undefined ? [] : [numberOf(before), before.length, before]
    return this.#store
      .all(
        `SELECT version FROM folder ${before === undefined ? '' : older}
         ORDER BY ${foldersByAge} LIMIT ?`,
        ...bound,
        count,
      )
      .map(versionIn)
  }

  /** Those without bytes, in the same order. */
  retired(count: number, before?: string): readonly string[] {
    // The first condition is what SQLite finds the place in the index by.
    const number = 'CAST(substr(version, 2) AS INTEGER) <= CAST(substr(?, 2) AS INTEGER)'
    const condition = `WHERE ${number} AND (${age('version')}) < (${age('?')})`
    const older = before === undefined ? '' : condition
    const bound = before === undefined ? [] : Array.from({ length: 4 }, () => before)
    return this.#store
      .all(`SELECT version FROM retired ${older} ORDER BY ${retiredByAge} LIMIT ?`, ...bound, count)
      .map(versionIn)
  }

  /** Folders of versions that were to be removed: a process died before it took them away. */
  get left(): readonly string[] {
    return this.#store.all('SELECT version FROM folder JOIN retired USING (version)').map(versionIn)
  }
}

function versionIn(row: Row): string {
  return row.text('version')
}

/**
 * Lists versions, newest first. Reads the index and not the folders, so a folder that was removed by hand is listed
 * until a registry is opened.
 */

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

/**
 * Reads versions that may be damaged or gone: expected errors become values.
 *
 * The result, or the VERSION_CORRUPT or VERSION_UNKNOWN that it ended with.
 */
export async function intact<Result>(reading: Promise<Result>): Promise<Result | CodedError> {
  try {
    return await reading
  } catch (error) {
    return unreadable(error)
  }
}

/** Throws any other error. */
function unreadable(error: unknown): CodedError {
  const isVersion =
    error instanceof CodedError &&
    (error.code === 'VERSION_CORRUPT' || error.code === 'VERSION_UNKNOWN')
  if (isVersion) return error
  throw error
}
