/** Checks of the machine itself: Node, cores, memory, clock, open files. */
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { createServer } from 'node:net'
import { systemClock } from '../../platform/clock.ts'
import { failed, gibibytes, ok, warning, type Check, type Place } from './check.ts'

const GiB = 2 ** 30

export const nodeCheck: Check = {
  name: 'Node',
  run() {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const isNew = major > 20 || (major === 20 && minor >= 19)
    return isNew
      ? ok(`${process.version} on ${process.platform} ${process.arch}`)
      : failed(`${process.version} is too old`, 'install Node 20.19 or newer')
  },
}

export const coresCheck: Check = {
  name: 'cores',
  run() {
    const cores = availableParallelism()
    return cores >= 2
      ? ok(`${cores}`)
      : warning('1: training slows serving down', 'give the daemon a second core')
  },
}

export const memoryCheck: Check = {
  name: 'memory',
  run() {
    // A container's limit, if there is one; otherwise absurdly large.
    const limitBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity)
    const freeBytes = Math.min(availableBytes(), limitBytes)
    const detail = `${gibibytes(freeBytes)} free of ${gibibytes(limitBytes)}`
    if (limitBytes < GiB) return failed(detail, 'give it at least 1 GiB; 2 GiB are comfortable')
    return freeBytes < GiB
      ? warning(detail, 'end other programs: a trainer needs about 0.5 GiB')
      : ok(detail)
  },
}

/** Linux counts caches as used in `freemem`; MemAvailable is the memory that programs can get. */
function availableBytes(): number {
  try {
    const [, kibibytes] =
      /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8')) ?? []
    return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024
  } catch {
    return freemem()
  }
}

/** A clock before the release of this program would date versions wrongly and fail certificates. */
const EARLIEST_MS = Date.UTC(2026, 0, 1)

export const clockCheck: Check = {
  name: 'clock',
  async run() {
    const [wallMs, monotonicMs] = [systemClock.nowMs(), systemClock.monotonicMs()]
    await systemClock.sleep(20)
    const wallTookMs = systemClock.nowMs() - wallMs
    const tookMs = systemClock.monotonicMs() - monotonicMs
    const shown = new Date(wallMs).toISOString()
    if (wallMs < EARLIEST_MS)
      return failed(`it shows ${shown}`, 'set the clock: timedatectl, or NTP')
    if (tookMs <= 0)
      return failed('the monotonic clock stands still', 'check the host of this machine')
    if (Math.abs(wallTookMs - tookMs) > 1000)
      return warning(`it jumped by ${Math.round(wallTookMs - tookMs)} ms`, 'let NTP slew, not step')
    return ok(shown)
  },
}

const LEAST_FILES = 1024

export const filesCheck: Check = {
  name: 'open files',
  run() {
    const limit = openFilesLimit()
    if (limit === undefined) return ok('this system does not report its limit')
    const detail = `${limit} a process`
    return limit >= LEAST_FILES
      ? ok(detail)
      : warning(detail, `ulimit -n ${LEAST_FILES}, or LimitNOFILE=`)
  },
}

function openFilesLimit(): number | undefined {
  try {
    const [, soft] =
      /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    if (soft === undefined) return undefined
    return soft === 'unlimited' ? Infinity : Number(soft)
  } catch {
    return undefined
  }
}

/** Whether the daemon could listen where its config says, or already does. */
export const addressCheck: Check = {
  name: 'address',
  async run(place) {
    const { host, port } = place
    const reason = await bindError(place)
    if (reason === undefined) return ok(`${host}:${port} is free`)
    if (reason === 'EADDRINUSE') {
      return (await isOurs(place))
        ? ok(`an antikythera daemon listens on ${host}:${port}`)
        : failed(`another program uses ${host}:${port}`, 'stop it, or choose another server.port')
    }
    const fix =
      reason === 'EACCES'
        ? 'choose a server.port above 1023'
        : 'choose a server.host of this machine'
    return failed(`${host}:${port}: ${reason}`, fix)
  },
}

async function bindError({ host, port }: Place): Promise<string | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message)
    })
    server.listen(port, host, () => {
      server.close(() => {
        resolve(undefined)
      })
    })
  })
}

async function isOurs({ host, port }: Place): Promise<boolean> {
  const name = host.includes(':') ? `[${host}]` : host
  try {
    const answer = await fetch(`http://${name}:${port}/livez`, {
      signal: AbortSignal.timeout(2000),
    })
    return JSON.stringify(await answer.json()) === '{"alive":true}'
  } catch {
    return false
  }
}
