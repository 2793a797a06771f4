/**
 * A year of history and 160,000 versions: lists, pages of the history, a version of the past and rollbacks through HTTP, and
 * how long the event loop of the server stands still meanwhile (in CPU time, see loop-cpu.mjs; and on the clock). `workMs` is
 * the CPU time of all threads of the daemon for one request, its idle work included: on a busy machine it says what the
 * time on the clock would be on a quiet one.
 *
 *   node test/bench/speed/versions.mjs [versions] [folders]
 *
 * `folders`: how many versions have bytes; the others are manifests. Each version was live once, three minutes long.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { seal } from '../../../dist/src/versions/manifest.js'
import { startDaemon, teach, wait } from '../lib/daemon.mjs'
import { cpuMsOf, finish, machine, median, round, say } from '../lib/figures.mjs'
import { watchLoop } from '../lib/loop-watch.mjs'
import { addPastVersions, everyMs, firstNumber, manyVersions } from './past-versions.mjs'

const TO_REACH_MS = 100
const LOOP_TO_REACH_MS = 20
const count = Number(process.argv[2] ?? 160_000)
const folders = Math.min(count, Number(process.argv[3] ?? 128))
const rounds = 20
const startMs = Date.parse('2026-01-01T00:00:00Z')
const startedOn = machine()
const models = {
  m: { base: { features: { size: 8 } }, labels: ['no', 'yes'], adapter: { method: 'head' } },
}
const loopFolder = mkdtempSync(join(tmpdir(), 'antikythera-loop-'))
const loop = watchLoop(join(loopFolder, 'loop.json'))

const daemon = await startDaemon(models, { limits: manyVersions })
try {
  await teach(
    daemon.http,
    'm',
    Array.from({ length: 64 }, (_, at) => eventOf(at)),
  )
  await daemon.kill()
  let retireMs
  const bytes = addPastVersions(join(daemon.dataDir, 'm'), {
    ...{ count, folders, startMs },
    atEnd: (ledger, of) => (retireMs = retireTime(ledger, of)),
  })
  // No trainer: its checkpoint knows nothing of these versions.
  writeFileSync(daemon.configFile, stringify({ ...daemon.config, role: 'server' }))
  const beganMs = performance.now()
  await loop.during(() => daemon.restart())
  const startSeconds = round((performance.now() - beganMs) / 1000)
  say(`${count} versions, ${folders} with bytes; the server started in ${startSeconds} s`)
  await wait(1000)
  const measured = await measure()
  const worstMs = Math.max(...Object.values(measured).map(({ p50 }) => p50))
  const loopMs = Math.max(...Object.values(measured).map(({ cpuMs }) => cpuMs))
  const isReached = worstMs < TO_REACH_MS && loopMs < LOOP_TO_REACH_MS
  finish('versions', startedOn, {
    ...{ versions: count, folders, registryMiB: round(bytes / 2 ** 20), retireMs, startSeconds },
    ...{ toReachMs: TO_REACH_MS, loopToReachMs: LOOP_TO_REACH_MS, isReached, measured },
  })
} finally {
  await daemon.stop()
  rmSync(loopFolder, { recursive: true })
}

function eventOf(at) {
  const features = Array.from({ length: 8 }, (_, column) => (at % 2 === 0 ? 1 : -1) * (column + 1))
  return { id: `e-${at}`, source: 'bench', input: { features }, label: at % 2 === 0 ? 'yes' : 'no' }
}

/** What the trainer does with the lock that a rollback waits for. */
function retireTime(ledger, { draft, files }) {
  const times = []
  for (let at = 0; at < rounds; at += 1) {
    const manifest = seal({ ...draft, version: `v${at}-import` }, files, new Date().toISOString())
    const beganMs = performance.now()
    ledger.exclusively(() => ledger.retire(manifest))
    times.push(performance.now() - beganMs)
  }
  return round(median(times))
}

async function measure() {
  const { http } = daemon
  const named = (at) => `v${firstNumber + Math.floor(at)}`
  const random = (from, to) => from + Math.random() * (to - from)
  const removed = () => named(random(0, count - folders))
  const kept = () => named(random(count - folders, count - 1))
  const past = () =>
    new Date(startMs + everyMs * Math.floor(random(count - folders + 2, count - 1))).toISOString()
  const path = '/v1/models/m'
  const kinds = {
    'newest versions': () => http.get(`${path}/versions`),
    'versions from the middle': () => http.get(`${path}/versions?before=${removed()}`),
    'one version': () => http.get(`${path}/versions/${removed()}`),
    'newest moves': () => http.get(`${path}/history`),
    'moves from the middle': () =>
      http.get(`${path}/history?before=${Math.floor(random(200, count))}`),
    'predict at a time': () =>
      http.post(`${path}/predict`, { inputs: [{ features: Array(8).fill(1) }], at: past() }),
    rollback: () => http.post(`${path}/rollback`, { reason: 'measured' }),
    'rollback to a version': () =>
      http.post(`${path}/rollback`, { to: kept(), reason: 'measured' }),
  }
  const found = {}
  for (const [kind, ask] of Object.entries(kinds)) {
    const times = []
    const steps = []
    const delays = []
    await loop.longestCpuMs(daemon)
    await loop.longestDelayMs(daemon)
    let workMs = 0
    for (let at = 0; at < rounds; at += 1) {
      const workedMs = cpuMsOf(daemon)
      const beganMs = performance.now()
      const { status, body } = await ask()
      times.push(performance.now() - beganMs)
      workMs += cpuMsOf(daemon) - workedMs
      if (status !== 200) throw new Error(`${kind}: ${status} ${JSON.stringify(body)}`)
      steps.push(await loop.longestCpuMs(daemon))
      delays.push(await loop.longestDelayMs(daemon))
      await wait(20)
    }
    found[kind] = {
      p50: round(median(times)),
      most: round(Math.max(...times)),
      workMs: round(workMs / rounds),
      cpuMs: round(median(steps)),
      mostCpuMs: round(Math.max(...steps)),
      clockMs: round(median(delays)),
    }
    say(`${kind}: ${JSON.stringify(found[kind])}`)
  }
  return found
}
