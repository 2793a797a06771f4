/**
 * One set-up at a time for each cache folder. The holder touches its lock file every two seconds; a lock with a holder that
 * is dead or silent is taken over, so a killed set-up never blocks the next one, not even across containers.
 */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { SetupError } from './errors.mjs'

const HEARTBEAT_MS = 2000
const SILENT_MS = 60_000
const WAIT_MS = 30 * 60_000

/** Waits until the lock is ours, calling `onWait(holder)` meanwhile; answers `{ release }`. */
export async function takeLock(path, { onWait, waitMs = WAIT_MS, pollMs = 500 } = {}) {
  mkdirSync(dirname(path), { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), at: Date.now() })
  const giveUpAt = Date.now() + waitMs
  while (!create(path, mine)) {
    if (isStale(path)) setAside(path)
    else if (Date.now() > giveUpAt) throw new SetupError('SETUP_LOCKED', describe(path))
    else {
      onWait?.(describe(path))
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }
  return hold(path, mine)
}

function create(path, content) {
  try {
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function hold(path, mine) {
  const beat = setInterval(() => {
    if (read(path) === mine) utimesSync(path, new Date(), new Date())
  }, HEARTBEAT_MS)
  beat.unref()
  const release = () => {
    clearInterval(beat)
    if (read(path) === mine) rmSync(path, { force: true })
    process.removeListener('exit', release)
  }
  process.on('exit', release)
  return { release }
}

function isStale(path) {
  try {
    if (Date.now() - statSync(path).mtimeMs > SILENT_MS) return true
    const { pid, host } = JSON.parse(readFileSync(path, 'utf8'))
    return host === hostname() && !isAlive(pid)
  } catch {
    return false
  }
}

/** Of several that find the same stale lock, the rename succeeds for one only. */
function setAside(path) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    rmSync(aside, { force: true })
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function describe(path) {
  try {
    const { pid, host } = JSON.parse(read(path))
    return `process ${pid} on ${host} holds ${path}`
  } catch {
    return `another process holds ${path}`
  }
}
