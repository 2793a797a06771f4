/**
 * Records a data folder of a release, with what its daemon answered, for the test that a later release opens it.
 *
 *   node test/reference/data-dir.mjs MAIN FOLDER     MAIN: dist/program/src/cli/main.js of the release to record
 *
 * Two models: text with LoRA and numbers with the recipe for tables. Each has learned, was rolled back (so that feedback is set
 * aside), has a pinned version, feedback that waits for its prediction, a dead letter, and examples that no update has learned yet.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [main, folder] = process.argv.slice(2).map((path) => resolve(path))
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const config = join(folder, 'antikythera.yaml')
writeFileSync(
  config,
  `data_dir: ./data
server: { port: 0 }
log: { level: warn }
models:
  mood:
    base: use-lite
    labels: [negative, positive]
    adapter: { method: lora, rank: 1, alpha: 2, tail_layers: 1, target_modules: [query, value] }
    trigger: { policy: count, every: 8, rest: 0s }
    memory: { policy: knn, capacity: 16 }
    replay: { policy: class-balanced, capacity: 40 }
    keep: { last: 2 }
  valves:
    base: { features: { schema: { temperature: number, pressure: number, vendor: category } } }
    labels: { open: true }
    trigger: { policy: count, every: 8, rest: 0s }
    replay: { policy: reservoir, capacity: 40 }
    keep: { last: 2 }
`,
)

const words = {
  positive: ['lovely', 'great', 'excellent', 'a joy', 'superb'],
  negative: ['awful', 'broken', 'a waste', 'terrible', 'poor'],
}
const things = ['phone', 'film', 'meal', 'book', 'seat', 'charger', 'soup', 'sound']

function text(index) {
  const label = index % 2 ? 'positive' : 'negative'
  const word = words[label][index % 5]
  return { input: { text: `the ${things[index % 8]} was ${word}` }, label }
}

function reading(index) {
  const temperature = 60 + ((index * 37) % 40)
  const pressure = 1 + ((index * 13) % 20) / 10
  const label = temperature > 85 ? 'broken' : pressure > 2 ? 'worn' : 'good'
  const vendor = index % 3 ? 'acme' : 'bolt'
  return { input: { features: { temperature, pressure, vendor } }, label }
}

const models = {
  mood: { make: text, probes: things.map((_, index) => text(100 + index).input) },
  valves: { make: reading, probes: things.map((_, index) => reading(100 + index).input) },
}

process.on('exit', () => daemon?.kill('SIGKILL'))
const daemon = spawn(process.execPath, [main, 'serve', '--config', config, '--json'], {
  cwd: folder,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [first] = await once(daemon.stdout, 'data')
const { url } = JSON.parse(String(first))
const expected = {}
for (const [model, { make, probes }] of Object.entries(models)) {
  const base = `${url}/v1/models/${model}`
  await feed(base, make, 0, 40, 'early')
  await settled(base)
  const { versions } = await ask(base, 'versions')
  const good = versions[0].version
  await send('PUT', base, `versions/${good}/pin`, {})
  await feed(base, make, 40, 56, 'late')
  await settled(base)
  await post(base, 'rollback', { reason: 'recorded', to: good })
  await feed(base, make, 60, 71, 'after')
  await post(base, 'feedback', {
    id: 'waits',
    source: 'desk',
    prediction_id: 'p-not-there-yet',
    label: make(0).label,
  })
  await post(base, 'feedback', { id: 'bad', source: 'desk', input: {}, label: 'x' }, true)
  await settled(base)
  const answers = await post(base, 'predict', { inputs: probes })
  const status = await ask(base, '')
  const list = await ask(base, 'versions')
  expected[model] = {
    probes,
    answers: answers.predictions,
    version: answers.version,
    digest: answers.digest,
    versions: list.versions.map(({ version, digest }) => ({ version, digest })),
    status,
    set_aside: await ask(base, 'set-aside'),
    history: await ask(base, 'history'),
  }
}
daemon.kill('SIGTERM')
await once(daemon, 'exit')
writeFileSync(join(folder, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`)

async function feed(base, make, from, to, source) {
  const events = []
  for (let index = from; index < to; index++)
    events.push({ id: `e-${index}`, source, ...make(index) })
  await post(base, 'feedback', { events })
}

/** Nothing is left to read, and the last update has become the live version. */
async function settled(base) {
  for (let quiet = 0; quiet < 5; await sleep(200)) {
    const { lag, trainer } = await ask(base, '')
    quiet = lag === 0 && (trainer?.state ?? 'idle') === 'idle' ? quiet + 1 : 0
  }
}

async function ask(base, path) {
  const response = await fetch(path ? `${base}/${path}` : base)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

function post(...args) {
  return send('POST', ...args)
}

async function send(method, base, path, body, mayFail = false) {
  const response = await fetch(`${base}/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok && !mayFail)
    throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}
