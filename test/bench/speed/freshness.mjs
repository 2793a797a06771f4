/**
 * How soon an answer has learned a feedback: from the 202 of one event to the first answer of a version that has learned it, with an update
 * after every event, 1 + 16 examples a step. Beside torch and PEFT behind FastAPI, one thread each for serving and for training: with
 * what is trained as ours, in memory and on disk, and as such a loop is mostly written (speed-freshness.py).
 * The asker asks again as soon as it is answered; the sides take turns. No trainer has a lower priority than its server here.
 *
 *   npm run bench -- speed freshness [--rounds 5] [--events 10] [--only head] [--calm] [--fresh]
 *
 * `--calm`: one question instead, which is answered when the event is learned: the CPU time is that of learning, and of two answers.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startDaemon, teach as teachAll } from '../lib/daemon.mjs'
import { latencyOf, machine, median, round, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { openPeer } from './freshness-peer.mjs'
import { sentences } from '../lib/texts.mjs'
import { treeCpuMs } from './tree-cpu.mjs'

/** From then on each step has its 16 replayed examples. */
const WARM_UP = 20
const plain = fileURLToPath(new URL('plain-priority.cjs', import.meta.url))
const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 1 }
const head = { method: 'head' }
const ours = (base, adapter, compiled) => () => openOurs(base, adapter, compiled)
const peers = (kind) => ({
  'torch + peft': () => openPeer(kind, {}),
  'torch + peft, on disk': () => openPeer(kind, { isKept: true }),
  'torch + peft, as usual': () => openPeer(kind, { isUsual: true }),
})
const PARTS = {
  'minilm, head': { antikythera: ours('minilm', head), ...peers('head') },
  'minilm, lora': {
    antikythera: ours('minilm', lora),
    'antikythera, eager': ours('minilm', lora, 'off'),
    ...peers('lora'),
  },
  'use-lite, head': { antikythera: ours('use-lite', head) },
  'use-lite, lora': { antikythera: ours('use-lite', lora) },
  'minilm, lora on all layers': {
    antikythera: ours('minilm', { ...lora, tail_layers: 'all' }),
    'torch + peft, as usual': () => openPeer('lora', { isUsual: true }),
  },
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '5' },
      events: { type: 'string', default: '10' },
      only: { type: 'string', multiple: true },
      calm: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
    },
  })
  const settings = { rounds: Number(values.rounds), events: Number(values.events), replayed: 16 }
  const results = openResults('speed-freshness', { machine: machine(), fresh: values.fresh })
  const { calm } = values
  for (const [name, sides] of Object.entries(PARTS)) {
    const work = () => compared(sides, { ...settings, time: calm ? timeCalm : timeOne })
    await results.run(calm ? `${name}, calm` : name, settings, work, values.only)
  }
  const rows = results.runs().map(({ name, figures }) => ({ name, ...figures }))
  results.show(rows)
  return { threads: { serving: 1, training: 1 }, ...settings, rows }
}

async function compared(sides, { rounds, events, time }) {
  const texts = sentences().filter(({ text }) => text.length < 120)
  const opened = []
  for (const [name, open] of Object.entries(sides)) {
    const side = { name, ...(await open()), rounds: [] }
    await side.warm(texts.slice(0, WARM_UP))
    opened.push(side)
  }
  for (let at = 0; at < rounds; at += 1) {
    const from = WARM_UP + at * events
    for (const side of opened) {
      const cpuMs = side.cpuMs()
      const times = []
      for (const row of texts.slice(from, from + events)) times.push(await time(side, row))
      side.rounds.push({ times, cpuMs: (side.cpuMs() - cpuMs) / events })
      say(`${side.name}: ${median(times.map(({ ms }) => ms)).toFixed(1)} ms`)
    }
  }
  for (const side of opened) await side.stop()
  return Object.fromEntries(opened.map((side) => [side.name, figuresOf(side, opened[0])]))
}

/** `asks`: answers until then; their CPU time is in that of an event. `ofOurs`: the first side's p50 over this one's. */
function figuresOf({ rounds, facts }, first) {
  const all = rounds.flatMap(({ times }) => times)
  const p50 = (some) => median(some.times.map(({ ms }) => ms))
  return {
    ms: latencyOf(all.map(({ ms }) => ms)),
    acceptMs: latencyOf(all.map(({ acceptMs }) => acceptMs)).p50,
    answerMs: latencyOf(all.map(({ answerMs }) => answerMs)).p50,
    asks: median(all.map(({ asks }) => asks)),
    cpuMs: round(median(rounds.map(({ cpuMs }) => cpuMs)), 0),
    ofOurs: round(median(rounds.map((each, at) => p50(first.rounds[at]) / p50(each)))),
    ...(facts && { facts }),
  }
}

async function timeOne({ ask, teach }, row) {
  const { text } = row
  const asked = performance.now()
  const before = await ask(text)
  const sent = performance.now()
  const { status, body } = await teach(row)
  if (status !== 202) throw new Error(`feedback: ${status} ${JSON.stringify(body)}`)
  const accepted = performance.now()
  for (let asks = 1; ; asks += 1) {
    const { version } = await ask(text)
    // The version alone: a score near 1 may stay the same in single precision after a step.
    const isLearned = version !== before.version
    const [ms, acceptMs] = [performance.now() - accepted, accepted - sent]
    if (isLearned) return { ms, acceptMs, answerMs: sent - asked, asks }
  }
}

async function timeCalm({ ask, learn }, row) {
  const asked = performance.now()
  await ask(row.text)
  const sent = performance.now()
  const acceptMs = await learn(row)
  await ask(row.text)
  return { ms: performance.now() - sent - acceptMs, acceptMs, answerMs: sent - asked, asks: 1 }
}

async function openOurs(base, adapter, compiled = 'on') {
  const model = {
    ...{ base, adapter, labels: ['negative', 'positive'] },
    trigger: { policy: 'count', every: 1 },
  }
  const one = { server: { workers: 1 }, trainer: { threads: 1, compiled } }
  const env = { NODE_OPTIONS: `--require ${plain}` }
  const daemon = await startDaemon({ model }, { ...one, env })
  const path = '/v1/models/model'
  let events = 0
  const eventOf = ({ text, label }) => {
    events += 1
    return { id: `e-${events}`, source: 'bench', input: { text }, label }
  }
  const learn = async (row) => {
    const sent = performance.now()
    const { body } = await daemon.http.post(`${path}/feedback`, eventOf(row))
    const acceptMs = performance.now() - sent
    const learned = `${path}?wait_for=${encodeURIComponent(body.position)}`
    while ((await daemon.http.get(learned)).status !== 200);
    return acceptMs
  }
  return {
    async warm(rows) {
      await teachAll(daemon.http, 'model', rows.slice(1).map(eventOf))
      // Its version answers then, so that the next one to answer is that of the first measured event.
      await learn(rows[0])
    },
    learn,
    ask: async (text) => (await daemon.http.post(`${path}/predict`, { inputs: [text] })).body,
    teach: (row) => daemon.http.post(`${path}/feedback`, eventOf(row)),
    cpuMs: () => treeCpuMs(daemon.pid),
    stop: () => daemon.stop(),
  }
}
