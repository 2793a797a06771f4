/**
 * The checkpoint file of one model on this daemon, as the fleet sees it: how late it is, a snapshot of it to be copied, a
 * copy put in its place.
 *
 * A copy's rows replace the file's in one transaction. Files are never renamed over one another: SQLite deletes the log
 * of a database by its name, and a connection of an earlier life may do so late.
 */
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CodedError } from '../contracts/core.ts'
import { openStore, type Store } from '../platform/store/store.ts'
import { checkpointMigrations } from './schema.ts'
import { fact, stampOf } from './tables/states.ts'
import type { AllPositions, Stamp } from './saved.ts'

export interface LocalCheckpoint {
  /** Undefined when there is none, or none that can be read. */
  stamp(): Stamp | undefined
  /** Passes `work` a file with the committed state, and removes it afterwards; not called if there is none. */
  snapshot(
    work: (path: string, stamp: Stamp, positions?: AllPositions) => Promise<void>,
  ): Promise<void>
  /**
   * `fetch` writes a copy to the given path; it replaces the present file completely or not at all. No loop has it
   * open.
   */
  replace(fetch: (path: string) => Promise<void>): Promise<void>
}

export function localCheckpoint(path: string): LocalCheckpoint {
  const withFile = filesBeside(path)
  return {
    stamp: () => (existsSync(path) ? readable(path) : undefined),
    async snapshot(work) {
      await withFile(COPY, async (copy) => {
        const found = existsSync(path) ? snapshotTo(path, copy) : undefined
        if (found?.stamp !== undefined) await work(copy, found.stamp, found.positions)
      })
    },
    async replace(fetch) {
      await withFile(FETCHED, async (copy) => {
        await fetch(copy)
        if (existsSync(path) && readable(path) === undefined) remove(path)
        replaceBy(path, copy)
      })
    },
  }
}

const COPY = '.copy-'
const FETCHED = '.fetched-'

/**
 * Files beside `path` for the time of their use. Each has a new name, because connections to removed files may linger.
 * The first call removes those of a process that was killed.
 */
function filesBeside(path: string) {
  let isFirst = true
  return async (suffix: string, work: (path: string) => Promise<void>): Promise<void> => {
    if (isFirst) removeLeftovers(path)
    isFirst = false
    const file = path + suffix + randomUUID()
    try {
      await work(file)
    } finally {
      remove(file)
    }
  }
}

function removeLeftovers(path: string): void {
  const [folder, name] = [dirname(path), basename(path)]
  const found = existsSync(folder) ? readdirSync(folder) : []
  const isLeftover = (file: string) =>
    [COPY, FETCHED].some((suffix) => file.startsWith(name + suffix))
  for (const file of found.filter(isLeftover)) rmSync(join(folder, file), { force: true })
}

function readable(path: string): Stamp | undefined {
  try {
    return opened(path, stampIn)
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_CORRUPT') return undefined
    throw error
  }
}

/** Blocks for about 1.6 ms per megabyte; no learning happens in between, so the stamp matches the copy. */
function snapshotTo(path: string, copy: string) {
  return opened(path, (store) => {
    store.run('VACUUM INTO ?', copy)
    return { stamp: stampIn(store), positions: positionsIn(store) }
  })
}

function positionsIn(store: Store): AllPositions {
  const positions: Record<string, Record<string, string>> = {}
  for (const row of store.all('SELECT source, partition, next FROM positions'))
    (positions[row.text('source')] ??= {})[row.text('partition')] = row.text('next')
  return positions
}

function stampIn(store: Store): Stamp | undefined {
  return fact(store, 'identity') === undefined ? undefined : stampOf(store)
}

function replaceBy(path: string, copy: string): void {
  // Proves that it is a checkpoint, and brings it to the present tables.
  opened(copy, stampIn)
  opened(path, (store) => {
    store.run('ATTACH DATABASE ? AS incoming', copy)
    store.transaction(() => {
      for (const table of tablesOf(store)) {
        store.run(`DELETE FROM main."${table}"`)
        store.run(`INSERT INTO main."${table}" SELECT * FROM incoming."${table}"`)
      }
    })
    store.run('DETACH DATABASE incoming')
  })
}

/** The numbers that SQLite gives next included. */
function tablesOf(store: Store): readonly string[] {
  const own = `name NOT LIKE 'sqlite~_%' ESCAPE '~' OR name = 'sqlite_sequence'`
  const tables = `SELECT name FROM main.sqlite_schema WHERE type = 'table' AND (${own})`
  return store.all(tables).map((row) => row.text('name'))
}

function opened<Result>(path: string, work: (store: Store) => Result): Result {
  const store = openStore(path, { migrations: checkpointMigrations })
  try {
    return work(store)
  } finally {
    store.close()
  }
}

function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}
