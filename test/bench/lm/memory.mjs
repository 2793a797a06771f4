/**
 * What the server and the trainer of a language model hold, as `init chat` writes it, and of other large bases: when they are ready,
 * after an answer, and after lessons. Beside it node-llama-cpp in a process of its own, which only answers.
 *
 *   npm run bench -- lm memory [--only chat,smollm2,e5-small,minilm,peer] [--causal PATH,…] [--fresh]
 *
 * `--causal`: folders or GGUF files of decoders, each measured as a chat, in 32 bits and with `quantize: int8`. MiB. `pss`: a page that several processes share counts in
 * parts; `peak`: the most that was resident. Seconds until it was ready, of an answer, and of all lessons.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { startDaemon } from '../lib/daemon.mjs'
import { machine, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { PEER, peerModule } from './llama-cpp.mjs'

const LESSONS = 8
const QUESTION = 'My parcel is late. What now?'
const labels = ['yes', 'no']
const chat = (base) => ({
  base,
  task: { generation: { max_tokens: 128, temperature: 0.7, top_p: 0.95 } },
  max_tokens: 512,
})
const models = {
  chat: chat('smollm2'),
  smollm2: { base: 'smollm2', labels },
  'e5-small': { base: 'e5-small', labels },
  minilm: { base: 'minilm', labels },
}

export async function measure(words) {
  const sides = [...Object.keys(models), 'peer']
  const all = { ...models }
  const { values } = parseArgs({
    args: words,
    options: {
      only: { type: 'string' },
      causal: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('lm-memory', { machine: machine(), fresh: values.fresh })
  const rows = []
  const paths = values.causal?.split(',') ?? []
  const added = paths.flatMap((path) => {
    const model = chat({ causal: path })
    all[basename(path)] = model
    all[`${basename(path)} int8`] = { ...model, quantize: 'int8' }
    return [basename(path), `${basename(path)} int8`]
  })
  const asked = values.only?.split(',') ?? (paths.length > 0 ? added : sides)
  for (const name of asked) {
    const settings = name === 'peer' ? { peer: `node-llama-cpp ${PEER}` } : { lessons: LESSONS }
    const figures = await results.run(name, settings, () =>
      name === 'peer' ? ofPeer() : ofDaemon(all[name]),
    )
    rows.push({ name, ...figures })
  }
  results.show(rows)
  return { rows }
}

async function ofDaemon(model) {
  const begin = performance.now()
  const daemon = await startDaemon({ model })
  const seconds = { ready: secondsSince(begin) }
  const { http } = daemon
  const about = async () => (await http.get('/v1/models/model')).body
  const now = async () => {
    const { trainer } = await about()
    return { server: memoryOf(daemon.pid), trainer: memoryOf(trainer.pid) }
  }
  try {
    // A server that is ready still frees what it opened with.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const ready = await now()
    const asked = performance.now()
    await http.post('/v1/models/model/predict', { inputs: [inputOf(model, QUESTION)] })
    seconds.answer = secondsSince(asked)
    const answered = await now()
    const said = performance.now()
    for (let at = 0; at < LESSONS; at += 1)
      await http.post('/v1/models/model/feedback', lessonOf(model, at))
    while ((await about()).counts.learned < LESSONS)
      await new Promise((resolve) => setTimeout(resolve, 200))
    seconds.lessons = secondsSince(said)
    const taught = await now()
    say(JSON.stringify({ ready, answered, taught, seconds }))
    return { ready, answered, taught, seconds }
  } finally {
    await daemon.stop()
  }
}

function secondsSince(begin) {
  return Math.round(performance.now() - begin) / 1000
}

function inputOf({ task }, content) {
  return task === undefined ? content : { messages: [{ role: 'user', content }] }
}

function lessonOf(model, at) {
  const input = inputOf(model, `My order ${at} is late. What now?`)
  const says =
    model.task === undefined
      ? { label: labels[at % labels.length] }
      : { completion: `Order ${at} is on its way; you will have it in ${at} days.` }
  return { id: `e-${at}`, input: typeof input === 'string' ? { text: input } : input, ...says }
}

/** MiB of a process. */
function memoryOf(pid) {
  const files = ['status', 'smaps_rollup'].map((name) =>
    readFileSync(`/proc/${pid}/${name}`, 'utf8'),
  )
  const of = (key) =>
    Math.round(Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(files.join('\n'))[1]) / 1024)
  return { resident: of('VmRSS'), pss: of('Pss'), peak: of('VmHWM') }
}

function ofPeer() {
  const file = join(userCache(), 'models', 'smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
  const program = fileURLToPath(new URL('memory-peer.mjs', import.meta.url))
  const said = execFileSync(process.execPath, [program, peerModule(), file, QUESTION])
  return JSON.parse(said.toString().trim().split('\n').at(-1))
}
