/**
 * What lies in the data folder, for each model: the format and the size of its stores, its last checkpoint, and damage. It
 * only reads, so it may look beside a running daemon.
 */
import {
  existsSync,
  readdirSync,
  statSync,
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join, dirname } from 'node:path'
import { statfs } from 'node:fs/promises'
import { Checkpoint } from '../../checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import { CodedError } from '../../contracts/core.ts'
import { deadLettersFile, deadLettersMigrations } from '../../intake/dead-letters/dead-letters.ts'
import { inboxFile, inboxMigrations } from '../../intake/inbox/schema.ts'
import { systemClock } from '../../platform/clock.ts'
import { storeSizes } from '../../platform/store/store-space.ts'
import { damageOf, formatOf, isTooOld, openStore, tooOldFix } from '../../platform/store/store.ts'
import { ledgerMigrations } from '../../versions/local/ledger.ts'
import { failed, ok, type Check, type Finding, type Place, gibibytes, warning } from './check.ts'

const stateFile = 'state.db'
const formats = {
  [stateFile]: checkpointMigrations,
  [inboxFile]: inboxMigrations,
  [deadLettersFile]: deadLettersMigrations,
  'registry.db': ledgerMigrations,
}
/** A larger file is not read from end to end: that takes minutes. */
const READ_BYTES = 2 ** 30

export const dataCheck: Check = {
  name: 'data',
  run(place) {
    const models = modelsIn(place)
    if (models.length === 0) return ok(`${place.dataDir} has no model yet`)
    const found = models.map((model) => modelFinding(place, model))
    const bad = found.filter(({ verdict }) => verdict === 'failed')
    const { fix } = bad[0] ?? {}
    const detail = (bad.length > 0 ? bad : found).map((each) => each.detail).join('; ')
    return fix === undefined ? ok(detail) : failed(detail, fix)
  },
}

function modelsIn({ dataDir, config }: Place): readonly string[] {
  const names = config ? Object.keys(config.models) : foldersIn(dataDir)
  return names.filter((name) => existsSync(join(dataDir, name, stateFile)))
}

function foldersIn(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : []
}

function modelFinding({ dataDir }: Place, model: string): Finding {
  const folder = join(dataDir, model)
  const stores = Object.entries(formats).filter(([file]) => existsSync(join(folder, file)))
  for (const [file, migrations] of stores) {
    const path = join(folder, file)
    const why = damageIn(path)
    if (why !== undefined)
      return failed(
        `${model}: ${file} is damaged: ${why}`,
        `stop the daemon and run antikythera recover ${model}: it says what is intact and what is lost`,
      )
    const format = formatOf(path)
    if (format > migrations.length)
      return failed(
        `${model}: ${file} was written by a newer release`,
        'use that release, or the backup from before it',
      )
    if (isTooOld(format, migrations))
      return failed(
        `${model}: ${file} was written by an early release, and is read no longer`,
        tooOldFix,
      )
  }
  const isOld = ([file, { length }]: (typeof stores)[number]) =>
    formatOf(join(folder, file)) < length
  const old = stores.filter(isOld)
  const format =
    old.length === 0
      ? `format ${checkpointMigrations.length}`
      : `an older format (${old.map(([file]) => file).join(', ')}), changed at the next start`
  return ok(`${model}: ${format}, ${sizes(folder)}, ${lastCheckpoint(folder)}`)
}

/** Undefined: none was found. */
function damageIn(path: string): string | undefined {
  try {
    if (statSync(path).size <= READ_BYTES) {
      const why = damageOf(path)
      if (why !== undefined) return why
    }
    if (path.endsWith(stateFile)) readCheckpoint(path)
    return undefined
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_CORRUPT') return error.message
    throw error
  }
}

/** Each row has a checksum, which is compared as it is read. One of an older format is read once it is changed. */
function readCheckpoint(path: string) {
  if (formatOf(path) !== checkpointMigrations.length) return undefined
  const store = openStore(path, { migrations: checkpointMigrations, readonly: true })
  try {
    const checkpoint = new Checkpoint(store, { snapshots: 1 })
    const saved = checkpoint.load()
    checkpoint.seen()
    return saved
  } finally {
    store.close()
  }
}

function sizes(folder: string): string {
  const stores = Object.entries(storeSizes(folder)).toSorted(([, a], [, b]) => b - a)
  return stores.map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(1)} MiB`).join(', ')
}

function lastCheckpoint(folder: string): string {
  const path = join(folder, stateFile)
  const saved = readCheckpoint(path)
  if (saved === undefined) return 'no checkpoint yet'
  const files = [path, `${path}-wal`].filter((file) => existsSync(file))
  const savedMs = Math.max(...files.map((file) => statSync(file).mtimeMs))
  const seconds = Math.max(0, Math.round((systemClock.nowMs() - savedMs) / 1000))
  const { parent, learned } = saved.progress
  const version = parent === null ? '' : `, ${learned} events learned up to ${parent}`
  return `last checkpoint ${seconds} s ago${version}`
}

/** Checks of the disk under data_dir: it is writable, durable, and has room. */
export const writableCheck: Check = {
  name: 'data folder',
  run({ dataDir }) {
    try {
      inScratch(dataDir, () => undefined)
      return ok(`${dataDir} is writable`)
    } catch (error) {
      return failed(
        reasonOf(error),
        `make ${dataDir} writable for this user, or choose another data_dir`,
      )
    }
  },
}

const SYNCS = 20
const SLOW_MS = 50
/** No durable disk is faster; a battery-backed controller or a RAM disk is. */
const IMPLAUSIBLE_MS = 0.02

export const fsyncCheck: Check = {
  name: 'fsync',
  run({ dataDir }) {
    try {
      const medianMs = inScratch(dataDir, (folder) => medianSyncMs(join(folder, 'sync')))
      const detail = `${medianMs.toFixed(2)} ms for 4 KiB`
      if (medianMs > SLOW_MS)
        return warning(detail, 'use a local disk: each feedback answer waits for one sync')
      if (medianMs < IMPLAUSIBLE_MS)
        return warning(
          `${detail}: a RAM disk, or fsync does nothing`,
          'use a disk that keeps data without power',
        )
      return ok(detail)
    } catch (error) {
      return failed(reasonOf(error), 'use a disk that supports fsync')
    }
  },
}

const LEAST_BYTES = 200 * 2 ** 20
const COMFORTABLE_BYTES = 2 * 2 ** 30

export const spaceCheck: Check = {
  name: 'disk space',
  async run({ dataDir }) {
    const { bavail, bsize } = await statfs(existing(dataDir))
    const freeBytes = bavail * bsize
    const detail = `${gibibytes(freeBytes)} free`
    const fix = 'free some space, lower keep.bytes, or choose another data_dir'
    if (freeBytes < LEAST_BYTES) return failed(detail, fix)
    return freeBytes < COMFORTABLE_BYTES ? warning(detail, fix) : ok(detail)
  },
}

/** In a separate folder, in data_dir or, if that does not exist yet, where it will be created. */
function inScratch<Result>(dataDir: string, work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(existing(dataDir), '.doctor-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path))
}

function medianSyncMs(path: string): number {
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  const tookMs = Array.from({ length: SYNCS }, () => {
    const begunMs = systemClock.monotonicMs()
    writeSync(file, block)
    fsyncSync(file)
    return systemClock.monotonicMs() - begunMs
  })
  closeSync(file)
  return tookMs.sort((a, b) => a - b)[SYNCS / 2] ?? 0
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
