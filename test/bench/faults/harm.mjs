/**
 * How long a harmful version answers after the evidence against it is in: from the 202 of the feedback that decides to the
 * first answer of the version gone back to, without any person acting.
 *
 *   node test/bench/faults/harm.mjs [rounds] [--models features,text]
 *
 * Each round: right labels, a burst of wrong ones, right labels again in blocks of one update until the daemon has gone
 * back. `on-regression` compares the live version with an earlier one on each block. A client asks all the time. A round can
 * end without going back: right labels are learned meanwhile, and may undo the harm before the evidence is enough.
 */
import { parseArgs } from 'node:util'
import { startDaemon, wait } from '../lib/daemon.mjs'
import { finish, latencyOf, machine, round, say } from '../lib/figures.mjs'
import { sentences } from '../lib/texts.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string', default: 'features,text' },
  },
})
const rounds = Number(positionals[0] ?? 10)
const TO_REACH_MS = 60_000
const BLOCK = 16
/** Blocks of a round: right labels, then wrong ones, and how many may pass in all until the daemon must have gone back. */
const blocks = {
  features: { clean: 10, bad: 4, most: 40 },
  // Sentences are hard: it takes more of them to learn something, and to unlearn it for more than a few updates.
  text: { clean: 24, bad: 12, most: 60 },
}
const startedOn = machine()

const rows = sentences().filter(({ text }) => text.length < 120)
const labels = ['negative', 'positive']
const bases = {
  features: { base: { features: { size: 4 } }, adapter: { method: 'head' } },
  text: {
    base: 'use-lite',
    adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 1 },
  },
}
const inputs = {
  features: (at, isWrong = false) => {
    const label = labels[at % 2]
    const sign = label === 'positive' ? 1 : -1
    // Wrong ones are far out: the weights do not recover within a few updates.
    const scale = isWrong ? 30 : 1
    const features = [0, 1, 2, 3].map((n) => scale * sign * (1 + ((at * 7 + n) % 5)))
    return { label, input: { features } }
  },
  text: (at) => {
    const { text, label } = rows[at % rows.length]
    return { label, input: { text } }
  },
}
const measured = {}
for (const kind of values.models.split(',')) measured[kind] = await measure(kind)
const all = Object.values(measured)
finish('harm', startedOn, {
  ...{ rounds, toReachMs: TO_REACH_MS },
  isReached: all.every(
    ({ fromDecidingFeedbackMs: { most }, roundsWithoutRollback }) =>
      most < TO_REACH_MS && roundsWithoutRollback < rounds,
  ),
  measured,
})

/** A daemon for each round: after some thousand events in its replay a burst of this size does no harm to go back from. */
async function measure(kind) {
  const model = {
    ...bases[kind],
    rollback: { policy: 'on-regression' },
    labels,
    // Nothing dampens the burst: it is what is measured.
    trigger: { policy: 'count', every: BLOCK, rest: 0 },
  }
  const gone = []
  for (let at = 0; at < rounds; at += 1) {
    const daemon = await startDaemon({ m: model })
    try {
      const found = await measureOn(daemon, kind, at)
      if (found !== undefined) gone.push(found)
    } finally {
      await daemon.stop()
    }
  }
  const times = (name) => gone.map((each) => each[name])
  const largest = (values) => round(Math.max(0, ...values))
  const withMost = (values) => ({ ...latencyOf(values), most: largest(values) })
  return {
    fromDecidingFeedbackMs: withMost(times('fromDeciding')),
    fromFirstFeedbackMs: withMost(times('fromFirst')),
    eventsNeeded: latencyOf(times('needed')).p50,
    roundsWithoutRollback: rounds - gone.length,
  }
}

/** One round; undefined = it went by without going back. */
async function measureOn({ http }, kind, number) {
  const path = '/v1/models/m'
  const { clean, bad, most } = blocks[kind]
  // Each round has other examples.
  let sent = number * BLOCK * most
  const event = (isWrong) => {
    const { label, input } = inputs[kind](sent, isWrong)
    sent += 1
    const said = isWrong ? labels[1 - labels.indexOf(label)] : label
    return { id: `e-${sent}`, source: 'bench', input, label: said }
  }
  const block = (isWrong = false) => Array.from({ length: BLOCK }, () => event(isWrong))
  const send = async (events) => {
    const { status, body } = await http.post(`${path}/feedback`, { events })
    if (status !== 202) throw new Error(`feedback: ${status} ${JSON.stringify(body)}`)
    return performance.now()
  }
  const ask = async () =>
    (await http.post(`${path}/predict`, { inputs: [inputs[kind](0).input] })).body
  const goneBack = async (since) => {
    const { moves } = (await http.get(`${path}/history?limit=20`)).body
    return moves.find(({ by, generation }) => by === 'policy' && generation > since)
  }
  const generation = async () => (await http.get(path)).body.live.generation
  for (let at = 0; at < clean; at += 1) await teachAll(http, block(), path)
  const since = await generation()
  let deciding
  let first
  let taught = 0
  let answered
  for (; taught < most && answered === undefined; taught += 1) {
    deciding = await send(block(taught < bad))
    if (taught === bad) first = deciding
    answered = await settledOrBack()
  }
  const passed = answered === undefined ? 'no rollback' : `${round(answered - deciding)} ms`
  say(`${kind} ${number + 1}: ${passed} after ${taught} blocks`)
  return answered === undefined
    ? undefined
    : {
        fromDeciding: answered - deciding,
        fromFirst: answered - (first ?? deciding),
        needed: taught * BLOCK,
      }

  /** The time of the first answer of the version gone back to; undefined: this block decides nothing. */
  async function settledOrBack() {
    for (;;) {
      const { version, generation } = await ask()
      const nowMs = performance.now()
      const move = await goneBack(since)
      if (move !== undefined && generation >= move.generation) return nowMs
      if (move !== undefined) continue
      const { lag, pending } = (await http.get(path)).body
      if (lag === 0 && pending < BLOCK && (await isIdle())) {
        if ((await goneBack(since)) === undefined) return undefined
      }
      if (version === undefined) throw new Error('no answer')
    }
  }

  /** Twice in a row: the trainer reports once a second at most. */
  async function isIdle() {
    const counts = JSON.stringify((await http.get(path)).body.counts)
    await wait(50)
    return JSON.stringify((await http.get(path)).body.counts) === counts
  }
}

async function teachAll(http, events, path) {
  const { body } = await http.post(`${path}/feedback`, { events })
  for (;;) {
    const answer = await http.get(`${path}?wait_for=${encodeURIComponent(body.position)}`)
    if (answer.status === 200) return
  }
}
