/** What one seed decides: the stream, what is configured, how the world treats the daemons, and what people do. */
import type { Random } from '../../src/contracts/core.ts'
import type { Promotion, Rollback } from '../../src/contracts/release.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { Setting } from '../trainer/world.ts'
import type { FaultRates } from './fleet-daemon.ts'
import type { Topic } from './fleet-topic.ts'

export interface FleetPlan {
  readonly seed: number
  readonly daemons: number
  readonly topic: Topic
  readonly setting: Setting
  readonly predictions: readonly ServedPrediction[]
  readonly rates: FaultRates & { readonly rebalance: number; readonly tear: number }
  /** Faults end here, so that the story can. */
  readonly calmAtMs: number
  readonly copyMs: number
  /** When people move the pointer, Redis goes away, clocks jump, a lease is given back. */
  readonly words: readonly number[]
  readonly absences: readonly { readonly atMs: number; readonly forMs: number }[]
  readonly jumps: readonly {
    readonly atMs: number
    readonly daemon: number
    readonly byMs: number
  }[]
  readonly givesBack: number
}

const words = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']

export function planOf(seed: number): FleetPlan {
  const random = openRandom(seed, 'fleet plan')
  const { below } = random
  const partitions = below(3) === 0 ? 2 + below(2) : 1
  const calmAtMs = 15_000 + below(30_000)
  const speaks = below(4) === 0
  // Where the order of partitions is free, names of versions are too.
  const rollout = partitions === 1 && !speaks ? rolloutOf(seed) : undefined
  const moments = (most: number) =>
    Array.from({ length: below(most + 1) }, () => below(calmAtMs)).toSorted((a, b) => a - b)
  return {
    seed,
    daemons: 2 + below(2),
    topic: topicOf(random, partitions, calmAtMs),
    setting: { ...settingOf(seed, random, speaks), ...(rollout && { rollout }) },
    predictions: predictionsOf(random).map((each) => (rollout ? onTrial(seed, each) : each)),
    rates: ratesOf(random),
    calmAtMs,
    copyMs: [500, 2_000, 5_000, 20_000][below(4)]!,
    words: speaks ? moments(3) : [],
    absences: moments(2).map((atMs) => ({ atMs, forMs: below(15_000) })),
    jumps: moments(2).map((atMs) => ({
      atMs,
      daemon: below(3),
      byMs: (below(2) || -1) * below(86_400_000),
    })),
    givesBack: below(3) === 0 ? 0.5 : 0,
  }
}

function ratesOf({ below, uniform }: Random): FleetPlan['rates'] {
  // Some worlds know one kind of fault, so that it is seen alone; most know all.
  const only = below(8)
  const rate = (kind: number, most: number) => (only === kind || only > 4 ? most * uniform() : 0)
  return {
    crash: rate(0, 0.02),
    pause: rate(1, 0.02),
    refuse: rate(2, 0.06),
    lostAck: rate(3, 0.06),
    delay: 0.1,
    rebalance: rate(4, 0.2),
    tear: 0.1,
  }
}

function topicOf({ below }: Random, partitions: number, untilMs: number): Topic {
  const topic = Array.from({ length: partitions }, (): { value: string; atMs: number }[] => [])
  const count = 30 + below(40)
  // Some backlogs, some trickles.
  const spreadMs = below(3) === 0 ? 1 : untilMs
  for (let at = 0; at < count; at += 1)
    topic[below(partitions)]!.push({
      value: eventOf(below),
      atMs: Math.floor((at * spreadMs) / count),
    })
  return topic
}

function settingOf(seed: number, { below }: Random, speaks: boolean): Setting {
  const isOpen = below(2) === 0
  // What a policy does depends on where the pointer was, which a person's word leaves open.
  const policy = !speaks && below(3) === 0
  return {
    seed,
    every: 2 + below(5),
    capacity: 1 + below(12),
    labels: { open: isOpen, known: isOpen ? [] : ['no', 'yes'], limit: 3 },
    train: { batch: 1 + below(4), replay_batch: below(4), epochs: 1 + below(2) },
    keepVersions: speaks ? 100 : 3 + below(50),
    limits: {
      records: 1 + below(20),
      latentBytes: 1,
      ...(below(2) === 0 && { unsaved: { records: 1 + below(30), ms: 1 + below(2_000) } }),
    },
    ...gatesOf(seed, { holds: below(3) === 0, speaks, policy }),
  }
}

/** What decides about releases; a chance of its own leaves the rest of a plan as it is. */
function gatesOf(
  seed: number,
  { holds, speaks, policy }: Readonly<Record<'holds' | 'speaks' | 'policy', boolean>>,
): Setting {
  const { below } = openRandom(seed, 'gates')
  const [compares, looks] = [!speaks && below(3) === 0, below(2) === 0]
  const promotion = compares ? noWorse : holds ? sometimes : always
  return { promotion, ...(policy && { rollback: looks ? atHalf : nowAndThen }) }
}

/** In some worlds a released version goes on trial first; a chance of its own leaves the rest of a plan as it is. */
function rolloutOf(seed: number): Setting['rollout'] {
  const { below } = openRandom(seed, 'rollout')
  if (below(3) > 0) return undefined
  const harm = { judged: below(3) === 0 ? 20 : 1 + below(2), alpha: 0.5 }
  return below(2) === 0
    ? { policy: 'shadow', ...harm }
    : { policy: 'canary', share: 0.05, factor: 4, ...harm }
}

/** An answer while one of the first versions was on trial. */
function onTrial(seed: number, prediction: ServedPrediction): ServedPrediction {
  const { below } = openRandom(seed, `trial of ${prediction.id}`)
  const version = `v${below(3) === 0 ? 2 : 1}`
  const kind = below(3)
  if (kind === 0) return { ...prediction, canary: version, version }
  if (kind === 1) return { ...prediction, canary: version }
  return { ...prediction, shadow: { version, answer: below(2) === 0 ? 'no' : 'yes' } }
}

const always: Promotion = { decide: () => ({ verdict: 'promote', reason: 'always' }) }
/** By what was learned, never by a name: names differ between lines. */
const sometimes: Promotion = {
  decide: ({ prequential }) => ({
    verdict: prequential.count % 3 === 0 ? 'hold' : 'promote',
    reason: `${prequential.count} seen`,
  }),
}
const nowAndThen: Rollback = {
  decide: ({ line }) => ({
    verdict: line.count % 5 === 0 ? 'rollback' : 'keep',
    reason: `${line.count} seen`,
  }),
  snapshot: () => null,
  restore: () => undefined,
}
/** By scores of both versions on the same rows: which one is live, a person's word would leave open. */
const noWorse: Promotion = {
  decide: ({ candidate, live, rows, from }) => ({
    verdict: live !== undefined && candidate.loss > live.loss ? 'hold' : 'promote',
    reason: `${candidate.loss} after ${live?.loss} on ${rows} of ${from}`,
  }),
}
const atHalf: Rollback = {
  decide: ({ scores, version }) => ({
    verdict: scores.count > 2 && scores.accuracy < 0.5 ? 'rollback' : 'keep',
    reason: `${scores.accuracy} of ${scores.count} of ${version}`,
  }),
  snapshot: () => null,
  restore: () => undefined,
}

function predictionsOf({ below }: Random): readonly ServedPrediction[] {
  return Array.from({ length: 6 }, (_, at) => ({
    id: `p-${at}`,
    input: { kind: 'text', text: words[below(words.length)]! },
    version: 'v0',
    answer: below(2) === 0 ? 'no' : 'yes',
    timeMs: 0,
  }))
}

/** Of the events with one id two in three say the same; the others supersede. */
function eventOf(any: Random['below']): string {
  const number = any(70)
  const id = `e-${number}`
  const source = 'desk'
  const { below } = openRandom(any(3) === 0 ? any(1_000_000) : number, 'what an event says')
  const text = `${words[below(words.length)]} ${words[below(words.length)]}`
  const label = ['no', 'yes', 'no', 'yes', 'maybe', 'never'][below(6)]
  // Six of the eight are kept; the others never come.
  const about = `p-${below(8)}`
  const kind = below(24)
  if (kind === 0) return 'not json'
  if (kind === 1) return JSON.stringify({ id, source, text: '', label })
  if (kind === 2) return JSON.stringify({ id, source })
  if (kind < 5) return JSON.stringify({ id, source, prediction_id: about, rating: below(2) || -1 })
  if (kind < 7) return JSON.stringify({ id, source, prediction_id: about, label })
  return JSON.stringify({ id, source, text, label })
}
