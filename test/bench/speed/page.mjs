/**
 * How long the page takes to open over a model with 10,000 versions, beside one with a handful and beside a document of the
 * same bytes without a program, in a real Chromium with an empty cache each time.
 *
 *   node test/bench/speed/page.mjs [versions] [opens]
 *
 * On a busy machine compare the ratios and the CPU times.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { chromium } from 'playwright-core'
import { startDaemon, teach, wait } from '../lib/daemon.mjs'
import { finish, machine, median, round, say } from '../lib/figures.mjs'
import { addPastVersions, everyMs, manyVersions } from './past-versions.mjs'

const TO_REACH_MS = 300
const MOST_MS = 20_000
const count = Number(process.argv[2] ?? 10_000)
const opens = Number(process.argv[3] ?? 10)
const startedOn = machine()
/** Of Linux's /proc: hundredths of a second. */
const TICK_MS = 10

/** Resolves in the page to the times at which numbers were drawn: the frame after they are in the document. */
const watch = `
  const isThere = (selector) => document.querySelector(selector) !== null
  const shows = {
    numbers: () => /\\d/.test(document.querySelector('#accuracy')?.textContent ?? '') && isThere('#live'),
    versions: () => isThere('.versions tbody tr'),
    line: () => isThere('path.line'),
    quality: () => isThere('.confusion'),
  }
  window.drawn = new Promise((resolve) => {
    const times = {}
    const observer = new MutationObserver(() => {
      for (const [name, isShown] of Object.entries(shows)) {
        if (name in times || !isShown()) continue
        times[name] = performance.now()
        requestAnimationFrame(() => requestAnimationFrame((at) => (times[name] = at)))
      }
      if (Object.keys(times).length < Object.keys(shows).length) return
      observer.disconnect()
      setTimeout(() => resolve(times), 100)
    })
    observer.observe(document, { childList: true, subtree: true, characterData: true })
  })`

const settings = {
  base: { features: { size: 8 } },
  labels: ['no', 'yes'],
  adapter: { method: 'head' },
}
const daemon = await startDaemon({ many: settings, few: settings }, { limits: manyVersions })
let browser
let plain
try {
  for (const name of ['many', 'few']) await teach(daemon.http, name, eventsOf(name))
  await daemon.kill()
  const folder = join(daemon.dataDir, 'many')
  addPastVersions(folder, { count, folders: 64, startMs: Date.now() - count * everyMs })
  await daemon.restart()
  for (const name of ['many', 'few'])
    while ((await daemon.http.get(`/v1/models/${name}/quality`)).status !== 200) await wait(100)
  const { body } = await daemon.http.get('/v1/models/many')
  say(`${count} versions; ${body.live.version} is live, the trainer is ${body.trainer.state}`)
  browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  const url = `http://127.0.0.1:${daemon.port}/`
  const first = await open(`${url}#many`)
  plain = await serve(first.document, first.bytes)
  const sides = { many: `${url}#many`, few: `${url}#few`, plain: plain.url }
  const found = Object.fromEntries(Object.keys(sides).map((name) => [name, []]))
  // In turns, so that a busy machine slows all of them.
  for (let turn = 0; turn < opens; turn += 1)
    for (const [name, address] of Object.entries(sides)) {
      const { document: _document, ...one } = await open(address)
      found[name].push(one)
      say(`${name}: ${JSON.stringify(one)}`)
    }
  const measured = Object.fromEntries(
    Object.entries(found).map(([name, runs]) => [name, summary(runs)]),
  )
  const ratio = (other) => round(measured.many.numbersMs / measured[other].numbersMs)
  finish('page', startedOn, {
    ...{ versions: count, opens, toReachMs: TO_REACH_MS },
    isReached: measured.many.numbersMs < TO_REACH_MS,
    ratioToFew: ratio('few'),
    ratioToPlain: ratio('plain'),
    measured,
  })
} finally {
  await browser?.close()
  plain?.close()
  await daemon.stop()
}

function eventsOf(name) {
  return Array.from({ length: 200 }, (_, at) => {
    const isYes = at % 2 === 0
    const features = Array.from({ length: 8 }, (__, column) => (isYes ? 1 : -1) * (column + 1))
    const label = isYes === (at % 10 !== 0) ? 'yes' : 'no'
    const slice = at % 3 === 0 ? 'north' : 'south'
    return { id: `${name}-${at}`, source: `desk-${at % 4}`, slice, input: { features }, label }
  })
}

/** One visit with an empty cache. */
async function open(address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  try {
    const page = await context.newPage()
    await page.addInitScript(watch)
    const session = await context.newCDPSession(page)
    let bytes = 0
    await session.send('Network.enable')
    session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
    let requests = 0
    page.on('request', () => (requests += 1))
    const before = [serverMs(), await renderersMs()]
    await page.goto(address, { waitUntil: 'commit' })
    const late = wait(MOST_MS).then(() => {
      throw new Error(`${address} has not drawn everything after ${MOST_MS} ms`)
    })
    late.catch(() => undefined)
    const times = await Promise.race([page.evaluate('drawn'), late])
    const after = [serverMs(), await renderersMs()]
    return {
      ...Object.fromEntries(Object.entries(times).map(([name, at]) => [`${name}Ms`, round(at, 1)])),
      ...{ bytes, requests },
      serverCpuMs: after[0] - before[0],
      rendererCpuMs: round(after[1] - before[1], 1),
      document: await page.content(),
    }
  } finally {
    await context.close()
  }
}

/** What was drawn, without its program, as large on the wire. */
async function serve(drawn, size) {
  const html = drawn.replace(/<script[^]*?<\/script>/g, '')
  const noise = Buffer.from(Array.from({ length: size }, () => Math.floor(256 * Math.random())))
  const fill = Math.max(0, size - gzipSync(html).length)
  const packed = gzipSync(`${html}<!--${noise.subarray(0, (fill * 3) / 4).toString('base64')}-->`)
  const server = createServer((_request, response) => {
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
    })
    response.end(packed)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}

/** CPU of the daemon so far, its threads included. */
function serverMs() {
  const [, rest] = readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(') ')
  const [user, system] = rest.split(' ').slice(11, 13).map(Number)
  return (user + system) * TICK_MS
}

async function renderersMs() {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return 1000 * renderers.reduce((sum, { cpuTime }) => sum + cpuTime, 0)
}

function summary(runs) {
  return Object.fromEntries(
    Object.keys(runs[0]).map((name) => [name, round(median(runs.map((run) => run[name])), 1)]),
  )
}

function chromiumPath() {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const found = names.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim())
  const path = found.find((each) => each !== '')
  if (path === undefined) throw new Error('chromium is not installed: apt-get install chromium')
  return path
}
