/**
 * kill -9 of the trainer and of the whole daemon at random instants while 3,000 events are learned, against the same
 * events learned without any: the same versions with the same digests, the same weights to the last bit, none lost and
 * none doubled.
 *
 *   node test/bench/faults/crash.mjs [events] [trainer kills] [daemon kills] [lora|head] [auto|on|off: trainer.compiled]
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRandom } from '../../../dist/src/platform/random.js'
import { startDaemon, wait } from '../lib/daemon.mjs'
import { finish, machine, round, say } from '../lib/figures.mjs'
import { sentences } from '../lib/texts.mjs'

const [events = 3000, trainerKills = 50, daemonKills = 20] = process.argv.slice(2, 5).map(Number)
const [method = 'lora', compiled = 'auto'] = process.argv.slice(5)
const model = 'sentiment'
const startedOn = machine()
const random = openRandom(Number(process.env.SEED ?? 1), 'crash')
const rows = sentences()
const adapters = {
  lora: { method: 'lora', rank: 8, alpha: 16, tail_layers: 1 },
  head: { method: 'head' },
}
const models = {
  [model]: {
    base: 'use-lite',
    labels: ['negative', 'positive'],
    adapter: adapters[method],
    max_tokens: 32,
    trigger: { policy: 'count', every: 16, rest: 0 },
    keep: { last: 10_000 },
  },
}

/** The server shows the last pid until the next process speaks. */
const killedPids = new Set()

const quiet = await learn([])
say(`without kills: ${quiet.seconds} s, ${quiet.versions.length} versions`)
const kills = shuffled([
  ...Array.from({ length: trainerKills }, () => 'trainer'),
  ...Array.from({ length: daemonKills }, () => 'daemon'),
])
const killed = await learn(kills)
const same = quiet.versions.filter(({ digest }, at) => digest === killed.versions[at]?.digest)
finish('crash', startedOn, {
  ...{ method, compiled, events, kills: killed.kills },
  seconds: { without: quiet.seconds, with: killed.seconds },
  versions: {
    without: quiet.versions.length,
    with: killed.versions.length,
    sameDigest: same.length,
  },
  taken: { without: quiet.taken, with: killed.taken },
  lost: Math.max(0, events - killed.taken),
  doubled: Math.max(0, killed.taken - events),
  weights: { without: quiet.weights, with: killed.weights },
  identical: quiet.weights === killed.weights && same.length === quiet.versions.length,
})

/** Sends the events in order, and after each share of them strikes at a random instant. */
async function learn(strikes) {
  const daemon = await startDaemon(models, { trainer: { compiled } })
  const began = performance.now()
  const done = { trainer: 0, daemon: 0 }
  const share = Math.ceil(events / (strikes.length + 1))
  try {
    for (let from = 0, turn = 0; from < events; from += share, turn += 1) {
      const sending = send(daemon, from, Math.min(events, from + share))
      const strike = strikes[turn]
      if (strike !== undefined) {
        await strikeAt(daemon, strike)
        done[strike] += 1
        say(`${turn + 1} of ${strikes.length}: killed the ${strike}`)
      }
      await sending
    }
    const { counts, pending } = await untilLearned(daemon)
    const taken = counts.learned + pending
    const { body } = await daemon.http.get(`/v1/models/${model}/versions`)
    const { versions } = body
    const weights = weightsOf(daemon, versions[0].version)
    const seconds = round((performance.now() - began) / 1000, 0)
    return { versions: versions.reverse(), taken, weights, seconds, kills: done }
  } finally {
    await daemon.stop()
  }
}

/** One body after the other, each until it is accepted: what was accepted before a kill is a duplicate after it. */
async function send(daemon, from, to) {
  for (let at = from; at < to; at += 5) {
    const events = rowsOf(at, Math.min(to, at + 5))
    for (;;) {
      const answer = await daemon.http
        .post(`/v1/models/${model}/feedback`, { events })
        .catch(() => undefined)
      if (answer?.status === 202) break
      await wait(50)
    }
  }
}

function rowsOf(from, to) {
  return Array.from({ length: to - from }, (_, index) => {
    const { text, label } = rows[(from + index) % rows.length]
    return { id: `e-${from + index}`, source: 'bench', input: { text }, label }
  })
}

/** Waits until a trainer works that was not struck yet, then a random while, then kills. */
async function strikeAt(daemon, victim) {
  for (let struck = false; !struck;) {
    const pid = await runningTrainer(daemon)
    await wait(random.below(1500))
    if (victim === 'trainer') struck = killIfThere(pid)
    else {
      await daemon.kill()
      await daemon.restart()
      struck = true
    }
  }
}

async function runningTrainer(daemon) {
  for (;;) {
    const { body } = await daemon.http.get(`/v1/models/${model}`).catch(() => ({ body: {} }))
    const { state, pid } = body.trainer ?? {}
    const isWorking = state === 'running' || state === 'idle'
    if (isWorking && pid !== undefined && !killedPids.has(pid)) return pid
    await wait(20)
  }
}

function killIfThere(pid) {
  try {
    process.kill(pid, 'SIGKILL')
    killedPids.add(pid)
    return true
  } catch {
    return false
  }
}

async function untilLearned(daemon) {
  for (let stillFor = 0, learned = -1; ;) {
    const { body } = await daemon.http.get(`/v1/models/${model}`).catch(() => ({ body: {} }))
    const { counts, lag, trainer } = body
    if (lag === 0 && counts.learned + (body.pending ?? 0) >= events) return body
    stillFor = counts?.learned === learned ? stillFor + 1 : 0
    learned = counts?.learned
    if (stillFor > 600) throw new Error(`stuck at ${learned}: ${JSON.stringify(trainer)}`)
    await wait(100)
  }
}

/** Of the adapter and the head, which lie in files of their own. */
function weightsOf(daemon, version) {
  const folder = join(daemon.dataDir, model, 'versions', version)
  const hash = createHash('sha256')
  for (const file of ['adapter_model.safetensors', 'head.safetensors'])
    hash.update(readFileSync(join(folder, file)))
  return hash.digest('hex')
}

function shuffled(list) {
  const left = [...list]
  return list.map(() => left.splice(random.below(left.length), 1)[0])
}
