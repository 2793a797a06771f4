/** What a fleet's learner has come to, read from the latest of its daemons' checkpoints after all of them have stopped. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HASH_BYTES } from '../../src/intake/dedupe/seen-ids.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { stampOf, packTensors } from '../../src/checkpoint/tables/states.ts'
import { isLater } from '../../src/checkpoint/saved.ts'

export interface Learned {
  readonly weights: string
  readonly steps: number
  /** Replay, scores, streams of chance. */
  readonly learnerState: unknown
  readonly remembered: readonly string[]
  readonly pending: readonly string[]
  readonly positions: unknown
  /** Ids in the learner's own list of what it has learned from, and how many of them are distinct. */
  readonly ids: { readonly count: number; readonly distinct: number }
}

export function latestOf(folders: readonly string[]): Learned {
  const paths = folders.map((folder) => join(folder, 'm', 'state.db')).filter(existsSync)
  const stamps = paths.map((path) => opened(path, stampOf))
  const best = stamps.reduce((at, stamp, index) => (isLater(stamp, stamps[at]!) ? index : at), 0)
  return opened(paths[best]!, learnedIn)
}

function learnedIn(store: ReturnType<typeof openStore>): Learned {
  const saved = new Checkpoint(store, { snapshots: 50 }).load()
  if (saved === undefined) throw new Error('there is no checkpoint')
  const { weights, learnerState, remembered, pending, positions } = saved
  const hashes = store
    .all('SELECT hashes FROM seen_runs ORDER BY first')
    .flatMap((row) => split(row.bytes('hashes')))
  return {
    weights: createHash('sha256').update(packTensors(weights.tensors).blob).digest('hex'),
    steps: weights.steps,
    learnerState,
    remembered: remembered.map(({ key }) => key).toSorted(),
    pending: pending.map(({ key }) => key),
    positions,
    ids: { count: hashes.length, distinct: new Set(hashes).size },
  }
}

function split(run: Uint8Array): string[] {
  const text = Buffer.from(run).toString('hex')
  return text.match(new RegExp(`.{${2 * HASH_BYTES}}`, 'g')) ?? []
}

function opened<Result>(
  path: string,
  work: (store: ReturnType<typeof openStore>) => Result,
): Result {
  const store = openStore(path, { migrations: checkpointMigrations })
  try {
    return work(store)
  } finally {
    store.close()
  }
}
