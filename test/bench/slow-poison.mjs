/**
 * Slow poison: over thousands of events one label becomes another, so slowly that no update is much worse than the one
 * before. The same stream is learned without a guard, with `retention`, with `golden`, and with all policies of
 * `deploy/examples/guarded.yaml`. The same stream without poison shows what the guards cost: good versions that are held.
 *
 *   node test/bench/slow-poison.mjs [--seeds 1,2,3] [--clean 2000] [--drift 5000] [--after 300] [--only guarded]
 *
 * Harm: the live version has lost more than `HARM` points, on examples with true labels that no version learns, against
 * its mean over the last 1,000 events before the poison. All numbers are events of the stream, so a busy machine changes
 * none of them; `returnSeconds` is the time from the last of the held candidates to the version that is live again.
 */
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { finish, machine, mean, round, say } from './figures.mjs'
import { labels, slowPoison, WIDTH } from './slow-poison-stream.mjs'
import { learnStream } from './slow-poison-trainer.mjs'

const HARM = 2
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const [clean, drift, after] = [
  ['clean', 2000],
  ['drift', 5000],
  ['after', 300],
].map(([name, usual]) => Number(option(name, usual)))
const seeds = option('seeds', '1,2,3').split(',').map(Number)
const only = option('only')
const streams = option('streams', 'poisoned,clean').split(',')
const secure = option('secure')

const startedOn = machine()
const { tf } = await openTensorFlow({ threads: 1 })
const golden = (file) => ({ policy: 'golden', file, ...(secure && { secure: Number(secure) }) })
const guards = {
  none: () => [],
  retention: () => [{ policy: 'retention' }],
  golden: (file) => [golden(file)],
  guarded: (file) => [{ policy: 'held-out' }, { policy: 'retention' }, golden(file)],
}

const runs = []
for (const seed of seeds)
  for (const stream of streams)
    for (const guard of Object.keys(guards))
      if (only === undefined || only.split(',').includes(guard)) {
        const result = await run({ seed, stream, guard })
        runs.push(result)
        say(JSON.stringify(result))
      }
finish('slow-poison', startedOn, { clean, drift, after, harmPoints: HARM, runs })
process.exit(0)

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
    why: returns[0]?.reason,
  }
}
