/**
 * Pictures over HTTP: one after the other beside ONNX Runtime for Python, and memory while a thousand wait to be decoded.
 *
 *   npm run bench -- speed pictures [--rounds 15] [--only one] [--only waiting] [--fresh]
 *
 * The picture is a drawn one of 640 × 480 pixels. The peer (pictures.py) is asked with the same body; the sides take turns, and CPU time
 * is that of all threads of a side, without the client's. Kept in results/speed-pictures.json.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { places } from '../../../deploy/bootstrap/places.mjs'
import { photograph } from '../../../deploy/examples/manipulated-pictures/scenes.mjs'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { freePort, startDaemon, teach, wait } from '../lib/daemon.mjs'
import { latencyOf, machine, median, round, say } from '../lib/figures.mjs'
import { openHttp } from '../lib/http.mjs'
import { load } from '../lib/load.mjs'
import { pythonOnPeft } from '../lib/python-on-peft.mjs'
import { openResults } from '../lib/results.mjs'
import { treeCpuMs } from './tree-cpu.mjs'

const BASE = 'efficientnet-lite0'
const ORT = '1.30.0'
const PACKAGES = [
  ...[`onnxruntime==${ORT}`, 'pillow==13.0.0', 'fastapi==0.165.0', 'uvicorn[standard]==0.54.0'],
]
const [WIDTH, HEIGHT] = [640, 480]
const TURN_MS = 4000
const BYTES = 48_000
const PICTURES = 1000
/** Of a side by itself in each round: what it takes while it is asked nothing. */
const IDLE_MS = 1000
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '15' },
      only: { type: 'string', multiple: true },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('speed-pictures', { machine: machine(), fresh: values.fresh })
  const rounds = Number(values.rounds)
  await results.run('one', { rounds }, () => besidePeer(rounds), values.only)
  const waiting = { pictures: PICTURES, bytes: BYTES }
  await results.run('waiting', waiting, thousandWaiting, values.only)
  const table = Object.fromEntries(results.runs().map(({ name, figures }) => [name, figures]))
  results.show(table)
  return { table }
}

/** One client, which asks again as soon as it is answered. */
async function besidePeer(rounds) {
  const file = await drawn(BYTES)
  const sides = { ours: await openOurs(), peer: await openPeer() }
  const turns = { ours: [], peer: [] }
  try {
    const ask = ({ port }, durationMs) =>
      load('closedLoop', { port, model: 'm', clients: 1, texts: [inputOf(file)], durationMs })
    for (const side of Object.values(sides)) await ask(side, TURN_MS)
    for (let at = 0; at < rounds; at += 1)
      for (const [name, side] of Object.entries(sides)) {
        const idle = await spent(side, () => wait(IDLE_MS))
        const { outcome, ...asked } = await spent(side, () => ask(side, TURN_MS))
        const { latencies, failed } = outcome
        if (failed > 0) throw new Error(`${name}: ${failed} requests failed`)
        turns[name].push({ latencies, idle, asked })
        say(`${name}: p50 ${median(latencies).toFixed(1)} ms, ${asked.cpuMs} of CPU in all`)
      }
    const { ms, versions } = await sides.peer.facts()
    const threads = Object.fromEntries(
      Object.entries(sides).map(([name, { pid }]) => [name, threadsOf(pid)]),
    )
    return {
      ...{ bytes: file.length, runtimeThreads: 1, processThreads: threads, peer: versions },
      ours: figuresOf(turns.ours),
      'ONNX Runtime (Python)': { ...figuresOf(turns.peer), withoutHttp: parts(ms) },
      p50Ratio: ratio(turns, p50),
      cpuRatio: ratio(turns, cpuOfAnswer),
    }
  } finally {
    for (const side of Object.values(sides)) await side.stop()
  }
}

async function spent({ pid }, work) {
  const [cpuMs, from] = [treeCpuMs(pid), performance.now()]
  const outcome = await work()
  return { outcome, cpuMs: treeCpuMs(pid) - cpuMs, ms: performance.now() - from }
}

function p50({ latencies }) {
  return median(latencies)
}

/** Without what the side takes when it is asked nothing: a busy machine makes answers wait, and that counts for more. */
function cpuOfAnswer({ latencies, asked }, _at, turns) {
  return (asked.cpuMs - asked.ms * idleShare(turns)) / latencies.length
}

function idleShare(turns) {
  const sum = (of) => turns.reduce((total, { idle }) => total + of(idle), 0)
  return sum(({ cpuMs }) => cpuMs) / sum(({ ms }) => ms)
}

/** Ours over the peer's, within a round. */
function ratio({ ours, peer }, of) {
  const [own, other] = [ours.map(of), peer.map(of)]
  return round(median(own.map((each, at) => each / other[at])))
}

function figuresOf(turns) {
  return {
    ms: latencyOf(turns.flatMap(({ latencies }) => latencies)),
    cpuMs: round(median(turns.map(cpuOfAnswer)), 1),
    idleCpuMsPerSecond: round(1000 * idleShare(turns), 1),
  }
}

function parts(ms) {
  return Object.fromEntries(Object.entries(ms).map(([name, each]) => [name, round(each)]))
}

/** All are sent at once; the server has answered pictures before. */
async function thousandWaiting() {
  const file = await drawn(BYTES)
  // However long they wait: the deadline of requests would let some of them go.
  const side = await openOurs({ limits: { request_ms: 600_000 } })
  try {
    const ask = (total) =>
      load('openLoop', {
        ...{ port: side.port, model: 'm', rate: 1e6, total, connections: total },
        texts: [inputOf(file)],
      })
    await ask(20)
    await wait(3000)
    const idleMiB = memoryOf(side.pid, 'VmRSS')
    // The peak counts from here: man 5 proc, clear_refs.
    writeFileSync(`/proc/${side.pid}/clear_refs`, '5')
    const { answers } = await ask(PICTURES)
    const peakMiB = memoryOf(side.pid, 'VmHWM')
    const byStatus = {}
    for (const { status } of answers) byStatus[status] = (byStatus[status] ?? 0) + 1
    await wait(3000)
    const afterMiB = memoryOf(side.pid, 'VmRSS')
    return { bytes: file.length, idleMiB, peakMiB, afterMiB, answers: byStatus }
  } finally {
    await side.stop()
  }
}

/** A daemon whose version has learned two kinds of pictures. */
async function openOurs(settings = {}) {
  const model = { base: BASE, labels: ['smooth', 'rough'] }
  const daemon = await startDaemon({ m: model }, { server: { workers: 1 }, ...settings })
  await teach(daemon.http, 'm', await lessons())
  const { port, pid } = daemon
  return { port, pid, stop: () => daemon.stop() }
}

async function lessons() {
  const random = openRandom(2, 'lessons')
  const events = []
  for (let at = 0; at < 32; at += 1) {
    const label = at % 2 === 0 ? 'smooth' : 'rough'
    const made = sharp(photograph(random, 128), { raw: { width: 128, height: 128, channels: 3 } })
    const file = await (label === 'smooth' ? made.blur(4) : made).jpeg().toBuffer()
    events.push({ id: `e-${at}`, input: inputOf(file), label })
  }
  return events
}

async function openPeer() {
  const python = pythonOnPeft(`onnxruntime-${ORT}-fastapi`, PACKAGES)
  const port = await freePort()
  const reference = here('../../reference/efficientnet.json')
  const words = [here('pictures.py'), 'serve', exported(), reference, String(port)]
  const env = { ...process.env, OMP_NUM_THREADS: '1' }
  const child = spawn(python, words, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const http = openHttp(port)
  const facts = async () => (await http.get('/facts')).body
  const known = await untilReady(facts, child)
  if (known.off > 1e-3) throw new Error(`the peer's network is off by ${known.off}`)
  return {
    ...{ port, pid: child.pid, facts },
    async stop() {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
      http.close()
    },
  }
}

async function untilReady(facts, child) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the peer ended with ${child.exitCode}`)
    const known = await facts().catch(() => undefined)
    if (known !== undefined) return known
    await wait(100)
  }
}

/** The whole network as torch writes it. */
function exported() {
  const folder = join(places().cache, 'bench')
  const target = join(folder, `${BASE}.onnx`)
  if (existsSync(target)) return target
  const torch = peftPython()
  if (torch === undefined) throw new Error('torch comes with: npm run setup -- --all')
  mkdirSync(folder, { recursive: true })
  const work = `${target}.work`
  const words = [here('pictures.py'), 'export', join(pulledFolder(BASE), 'model.safetensors'), work]
  execFileSync(torch, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  renameSync(work, target)
  return target
}

/** A JPEG of the best quality that has no more than `most` bytes. */
async function drawn(most) {
  const pixels = photograph(openRandom(1, 'picture'), WIDTH)
  const raw = { width: WIDTH, height: WIDTH, channels: 3 }
  const scene = sharp(pixels, { raw }).extract({ left: 0, top: 0, width: WIDTH, height: HEIGHT })
  for (let quality = 100; quality > 0; quality -= 1) {
    const file = await scene.clone().jpeg({ quality }).toBuffer()
    if (file.length <= most) return file
  }
  throw new Error(`no JPEG of this picture has ${most} bytes`)
}

function inputOf(file) {
  return { image: file.toString('base64') }
}

function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).length
}

/** Of the server's process, without the trainer's, in MiB. */
function memoryOf(pid, field) {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )
  return Math.round(Number(kib) / 1024)
}
