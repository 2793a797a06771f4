/** A random but repeatable stream: lessons, duplicates, late and unknown predictions, retractions, poison. */
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { openRandom } from '../../src/platform/random.ts'
import { tinyKnnMemory } from '../learner/tiny-knn-memory.ts'
import type { Setting } from '../trainer/world.ts'

const words = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']

/** With so few events the detectors have to be hasty; false alarms are as good as true ones here. */
const drifts: readonly (Setting['policies'] | undefined)[] = [
  undefined,
  {
    trigger: {
      policy: 'ddm',
      rest: 0,
      every: 4,
      warm_start: 2,
      threshold: 0.5,
      on_drift: 'fresh-adapter',
    },
    rate: { policy: 'warmup-cosine' },
  },
  {
    trigger: { policy: 'kswin', rest: 0, every: 3, alpha: 0.5, window_size: 8, stat_size: 4 },
    rate: { policy: 'drift-reset', half_life: 2 },
  },
  {
    trigger: { policy: 'page-hinkley', rest: 0, every: 5, min_instances: 2, threshold: 0.2 },
    rate: { policy: 'drift-reset', peak: 3 },
  },
]

const knnMemories = [
  { capacity: 5 },
  { keep: 'mistakes', every: 3 },
  { every: 2, capacity: 20 },
  { every: 1000 },
]

export function settingOf(seed: number): Setting {
  const random = openRandom(seed, 'setting')
  const isOpen = random.below(2) === 0
  const drift = drifts[seed % drifts.length]
  return {
    seed,
    ...(drift && { policies: drift }),
    every: 1 + random.below(6),
    capacity: 1 + random.below(12),
    labels: { open: isOpen, known: isOpen ? [] : ['no', 'yes'], limit: 3 },
    train: {
      batch: 1 + random.below(4),
      replay_batch: random.below(4),
      epochs: [1, 2, undefined][random.below(3)],
    },
    ...(seed % 3 === 1 && { knnMemory: tinyKnnMemory(knnMemories[seed % knnMemories.length]) }),
    keepVersions: 2 + random.below(5),
    limits: { records: 1 + random.below(20) },
  }
}

/** One or two sources, with everything in them from the start. */
export function streamsOf(seed: number): Readonly<Record<string, readonly string[]>> {
  const random = openRandom(seed, 'stream')
  const names = ['first', 'second'].slice(0, 1 + random.below(2))
  return Object.fromEntries(
    names.map((name) => [name, Array.from({ length: 40 }, () => eventOf(random.below))]),
  )
}

export function predictionsOf(seed: number): readonly ServedPrediction[] {
  const random = openRandom(seed, 'predictions')
  return Array.from({ length: 10 }, (_, at) => ({
    id: `p-${at}`,
    input: { kind: 'text', text: words[random.below(words.length)]! },
    version: 'v0',
    answer: random.below(2) === 0 ? 'no' : 'yes',
    timeMs: 0,
  }))
}

/** Of the events with one id two in three say the same; the others supersede. */
function eventOf(any: (bound: number) => number): string {
  const number = any(60)
  const id = `e-${number}`
  const source = any(4) === 0 ? 'elsewhere' : 'desk'
  const { below } = openRandom(any(3) === 0 ? any(1_000_000) : number, 'what an event says')
  const text = `${words[below(words.length)]} ${words[below(words.length)]}`
  const label = ['no', 'yes', 'no', 'yes', 'maybe', 'never'][below(6)]
  // Ten of the thirteen are kept; the others never come.
  const about = `p-${below(13)}`
  const kind = below(20)
  if (kind === 0) return 'not json'
  if (kind === 1) return JSON.stringify({ id, source, text: '', label })
  if (kind === 2) return JSON.stringify({ id, source, text: 'BUG', label })
  if (kind === 3) return JSON.stringify({ id, source })
  if (kind === 4) return JSON.stringify({ id, source, prediction_id: about })
  if (kind < 8) return JSON.stringify({ id, source, prediction_id: about, rating: below(2) || -1 })
  if (kind < 10) return JSON.stringify({ id, source, prediction_id: about, label })
  if (kind === 10) return JSON.stringify({ id, source, model: 'another', text, label })
  return JSON.stringify({ id, source, text, label })
}
