/** Checks of the disk under data_dir: it is writable, durable, and has room. */
import { closeSync, existsSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../../platform/clock.ts'
import { failed, gibibytes, ok, warning, type Check } from './check.ts'

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
