/**
 * How many events a second the trainer takes in, from the source through validation, dedupe, learning and the checkpoint on
 * disk, and what that costs in memory. Each round is a process of its own; kinds of rounds take turns.
 *
 *   node test/bench/speed/intake.mjs [mode …] [--kafka] [--poison] [--backlog] [--events=N] [--rounds=N]
 *
 * `intake`: everything but training; the trigger, at its highest setting, never fires. `features`: a linear head on
 * 16 numbers, trained on every event, updates of 1,024 in batches of 256. `use-lite-head`: a head on sentences, updates of
 * 64. `static`: sentences and six labels on `base: static` by its closed form, with the defaults of a config. `--poison` runs
 * each mode also with one message in a hundred that nothing can be learned from. `--backlog` instead: one round of a million
 * events, for the memory. `--kafka`: the same streams in topics of a real broker on this machine.
 */
import { parseArgs } from 'node:util'
import { trunkWorkers } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { runOnce } from './intake-child.mjs'
import { kindOf } from './intake-events.mjs'
import { openKafka } from './intake-kafka.mjs'
import { finish, machine, median, round, say } from '../lib/figures.mjs'

const modes = {
  intake: { events: 90_000, every: 100_000, batch: 256 },
  features: { events: 100_000, every: 1024, batch: 256 },
  'use-lite-head': { events: 3000, every: 64, batch: 64 },
  // As a config that says `base: static` and nothing else.
  static: { events: 200_000, every: 16, batch: 16 },
}
const { values: asked, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kafka: { type: 'boolean', default: false },
    poison: { type: 'boolean', default: false },
    backlog: { type: 'boolean', default: false },
    events: { type: 'string' },
    rounds: { type: 'string', default: '3' },
  },
})
const names =
  positionals.length > 0 ? positionals : asked.backlog ? ['features'] : Object.keys(modes)
const rounds = asked.backlog ? 1 : Number(asked.rounds)
const startedOn = machine()
const plans = names.flatMap((mode) => {
  const events = Number(asked.events ?? (asked.backlog ? 1_000_000 : modes[mode].events))
  const plan = { ...modes[mode], mode, events }
  return asked.poison ? [plan, { ...plan, poison: true }] : [plan]
})
const broker = asked.kafka ? await openKafka() : undefined
for (const [at, plan] of plans.entries()) {
  if (broker === undefined) break
  const kind = kindOf(plan.mode)
  say(`writing ${plan.events} events to Kafka`)
  plan.kafka = { brokers: broker.brokers, topic: await broker.fill(`intake-${at}`, kind, plan) }
}
const taken = new Map(plans.map((plan) => [plan, []]))
for (let at = 0; at < rounds; at += 1)
  // There and back, so that no kind is always the one that comes after another.
  for (const plan of at % 2 === 0 ? plans : plans.toReversed()) {
    const run = await runOnce(plan)
    check(plan, run)
    taken.get(plan).push(run)
    const name = `${plan.mode}${plan.poison ? ' with poison' : ''}`
    say(`${name}: ${round(run.perSecond, 0)} events/s, ${mebibytes(run.growthBytes)} MiB over idle`)
  }
await broker?.close()
const results = plans.map((plan) => summary(plan, taken.get(plan)))
finish('intake', startedOn, {
  rounds,
  source: asked.kafka ? 'kafka' : 'memory',
  threads: { train: 1, trunk: trunkWorkers },
  results,
  ...(asked.poison && {
    costOfPoison: Object.fromEntries(names.map((mode) => [mode, cost(mode)])),
  }),
})

/** Nothing lost, nothing doubled: every event is taken in, learned but for the last block, or a letter. */
function check({ mode, events, every, poison }, { counts, letters, poisons }) {
  const refused = Object.values(letters).reduce((sum, count) => sum + count, 0)
  const expected = poison ? Math.floor((events + 50) / 100) : 0
  const isWhole = counts.accepted + refused === events && refused === expected
  const isLearned = mode === 'intake' || counts.learned > counts.accepted - every
  const isCoded = Object.entries(poisons).every(([code, count]) => letters[code] === count)
  if (!isWhole || !isLearned || !isCoded)
    throw new Error(`${mode}: ${JSON.stringify({ events, counts, letters, poisons })}`)
}

function summary({ mode, events, every, batch, poison = false }, runs) {
  const of = (field) => median(runs.map((run) => run[field]))
  return {
    ...{ mode, events, every, batch, poison },
    perSecond: round(of('perSecond'), 0),
    each: runs.map(({ perSecond }) => round(perSecond, 0)),
    cpuMicrosPerEvent: round(of('cpuMicrosPerEvent'), 1),
    residentMiB: {
      idle: mebibytes(of('idleBytes')),
      peak: mebibytes(of('peakBytes')),
      growth: mebibytes(of('growthBytes')),
    },
    accuracy: round(of('accuracy'), 4),
  }
}

/** The share of throughput that poison takes, of the medians. */
function cost(mode) {
  const perSecond = (poison) =>
    results.find((result) => result.mode === mode && result.poison === poison).perSecond
  return round(1 - perSecond(true) / perSecond(false), 3)
}

function mebibytes(bytes) {
  return round(bytes / 2 ** 20, 0)
}
