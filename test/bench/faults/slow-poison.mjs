/**
 * Slow poison: over thousands of events one label becomes another, so slowly that no update is much worse than the one
 * before. The same stream is learned without a guard, with `retention`, with `golden`, and with all policies of
 * `deploy/examples/guarded.yaml`. The same stream without poison shows what the guards cost: good versions that are held.
 *
 *   node test/bench/faults/slow-poison.mjs [--only guarded] [--fresh]
 *   node test/bench/faults/slow-poison.mjs --results <folder> [--seeds 1,2,3] [--clean 2000] [--drift 5000] [--after 300]
 *
 * Harm: the live version has lost more than `HARM` points, on examples with true labels that no version learns, against
 * its mean over the last 1,000 events before the poison. All numbers are events of the stream, so a busy machine changes
 * none of them. Each run is kept in results/slow-poison.json as soon as it is there; other sizes go to another folder.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { finish, machine, mean, round } from '../lib/figures.mjs'
import { render } from '../lib/render.mjs'
import { kept, openResults } from '../lib/results.mjs'
import { labels, slowPoison, WIDTH } from './slow-poison-stream.mjs'
import { learnStream } from './slow-poison-trainer.mjs'

const HARM = 2
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    clean: { type: 'string', default: '2000' },
    drift: { type: 'string', default: '5000' },
    after: { type: 'string', default: '300' },
    streams: { type: 'string', default: 'poisoned,clean' },
    secure: { type: 'string' },
    only: { type: 'string' },
    results: { type: 'string', default: kept },
    fresh: { type: 'boolean', default: false },
  },
})
const [clean, drift, after] = [values.clean, values.drift, values.after].map(Number)
const seeds = values.seeds.split(',').map(Number)
const streams = values.streams.split(',')
const { secure } = values

const startedOn = machine()
const { tf } = await openTensorFlow({ threads: 1 })
const golden = (file) => ({ policy: 'golden', file, ...(secure && { secure: Number(secure) }) })
const guards = {
  none: () => [],
  retention: () => [{ policy: 'retention' }],
  golden: (file) => [golden(file)],
  guarded: (file) => [{ policy: 'held-out' }, { policy: 'retention' }, golden(file)],
}

const results = openResults('slow-poison', {
  machine: startedOn,
  fresh: values.fresh,
  folder: resolve(values.results),
})
const found = []
for (const seed of seeds)
  for (const stream of streams)
    for (const guard of Object.keys(guards)) {
      const settings = { seed, stream, guard, clean, drift, after, secure: secure ?? null }
      const work = () => run({ seed, stream, guard })
      const name = `${stream} ${guard} seed ${seed}`
      const wanted = values.only?.split(',')
      found.push((await results.run(name, settings, work, wanted)) ?? [])
    }
const runs = found.flat()
results.show(tableOf(runs))
if (resolve(values.results) === kept) await render()
finish('slow-poison', startedOn, { clean, drift, after, harmPoints: HARM, runs })
process.exit(0)

/** A row for each guard; in a cell the seeds in their order. */
function tableOf(runs) {
  const rows = Object.keys(guards).map((guard) => {
    const of = (stream) => runs.filter((each) => each.guard === guard && each.stream === stream)
    const poisoned = of('poisoned')
    const cell = (show) => poisoned.map(show).join(', ') || 'not measured'
    const spared = of('clean')
    const held = spared.map(({ heldShare, versions }) => Math.round((heldShare * versions) / 100))
    return [
      guard,
      cell(({ usual }) => usual),
      cell(({ firstHarm }) => firstHarm ?? 'none'),
      cell(({ firstReturn }) => firstReturn ?? 'never'),
      cell(between),
      cell(({ backSeconds = [] }) => (backSeconds.length === 0 ? '–' : Math.max(...backSeconds))),
      cell(({ servedAtEnd }) => servedAtEnd),
      spared.length === 0
        ? 'not measured'
        : `${total(held)} of ${total(spared.map(({ versions }) => versions))}`,
    ]
  })
  return {
    columns: [
      ...['guard', 'accuracy before', 'first harm at', 'first return at', 'events between'],
      'seconds from the first held candidate to the return, at most',
      ...['accuracy served at the end', 'good versions held on the clean stream'],
    ],
    rows,
    note: `Seeds ${seeds.join(', ')}.`,
  }
}

function between({ firstHarm, firstReturn }) {
  if (firstHarm === null || firstReturn === null) return '–'
  return firstReturn - firstHarm
}

/** From the first of the held candidates that led to a move until the trainer has made it. */
function secondsBack({ timeMs }, versions, earlier) {
  const made = versions
    .map(({ created, decision }) => ({ atMs: Date.parse(created), decision }))
    .filter(({ atMs }) => atMs <= timeMs && atMs > (earlier?.timeMs ?? 0))
    .toSorted((one, other) => other.atMs - one.atMs)
  const before = made.findIndex(({ decision }) => decision !== 'hold')
  const first = made[(before === -1 ? made.length : before) - 1]
  return first === undefined ? null : round((timeMs - first.atMs) / 1000, 2)
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0)
}

function modelWith(guard) {
  return ({ goldenFile }) => {
    const promotion = guards[guard](goldenFile)
    return {
      base: { features: { size: WIDTH } },
      labels,
      adapter: { method: 'head' },
      trigger: { policy: 'count', every: 16, rest: 0 },
      ...(promotion.length > 0 && {
        promotion,
        evaluation: { held_out: { share: 0.1, capacity: 200 }, restore_after_holds: 3 },
      }),
    }
  }
}

async function run({ seed, stream, guard }) {
  const isPoisoned = stream === 'poisoned'
  const drawn = slowPoison({ seed, clean, drift, after, isPoisoned })
  const { moves, versions, counts } = await learnStream({
    ...{ tf, seed, ...drawn },
    model: modelWith(guard),
  })
  const before = moves.filter(({ at }) => at > clean - 1000 && at <= clean)
  const usual = mean(before.map(({ accuracy }) => accuracy))
  const poisoned = moves.filter(({ at }) => at > clean)
  const harmed = poisoned.filter(({ accuracy }) => accuracy < usual - HARM)
  const returns = poisoned.filter(({ by }) => by === 'policy')
  const held = versions.filter(({ decision }) => decision === 'hold')
  return {
    ...{ seed, stream, guard, usual: round(usual, 1) },
    firstHarm: harmed[0]?.at ?? null,
    firstReturn: returns[0]?.at ?? null,
    returns: moves.filter(({ by }) => by === 'policy').length,
    lowest: round(Math.min(...poisoned.map(({ accuracy }) => accuracy)), 1),
    servedAtEnd: round(moves.at(-1).accuracy, 1),
    versions: versions.length,
    heldShare: round((100 * held.length) / versions.length, 2),
    setAside: counts.set_aside,
    backSeconds: returns.map((move, at) => secondsBack(move, versions, returns[at - 1])),
    why: returns[0]?.reason,
  }
}
