/** How much of `state.db` is usable: everything, everything but the weights, or only what versions contain. */
import type { TrainableState } from '../../contracts/adapter.ts'
import { CodedError } from '../../contracts/core.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { Checkpoint } from '../../checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import type { SavedState } from '../../checkpoint/saved.ts'
import { examine } from './stores.ts'

export type CheckpointState =
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly why: string }
  /** Only the weights are damaged: `saved` has none. */
  | { readonly kind: 'weights'; readonly why: string; readonly saved: SavedState }
  /** Whole, of a daemon that has left a fleet, which learned more: see `checkNotBehind`. */
  | { readonly kind: 'older'; readonly why: string }
  /** `snapshots`: damaged ones, by version. */
  | { readonly kind: 'whole'; readonly saved: SavedState; readonly snapshots: readonly string[] }

const none: TrainableState = { head: [], steps: 0, tensors: new Map() }

/** The trainer decides whether it fits this base: it may carry over from another one. */
export function examineCheckpoint(path: string): CheckpointState {
  let found: CheckpointState = { kind: 'missing' }
  const state = examine(path, () => {
    found = withStore(path, (store) => look(store))
  })
  return state.kind === 'whole' ? found : state
}

export function withStore<Result>(path: string, work: (store: Store) => Result): Result {
  const store = openStore(path, { migrations: checkpointMigrations })
  try {
    return work(store)
  } finally {
    store.close()
  }
}

function look(store: Store): CheckpointState {
  const checkpoint = new Checkpoint(store, { snapshots: 1 })
  // A checkpoint in use has none any more.
  if (checkpoint.recovery?.from === 'version') return { kind: 'missing' }
  const fixed = checkpoint.recovery?.from === 'weights' ? checkpoint.load(none) : undefined
  if (fixed !== undefined) return { kind: 'whole', saved: fixed, snapshots: [] }
  const damage = damageIn(() => void checkpoint.load())
  if (damage === undefined) {
    const saved = checkpoint.load()
    if (saved === undefined) return { kind: 'missing' }
    checkpoint.seen()
    const why = notFinite(saved)
    if (why === undefined)
      return { kind: 'whole', saved, snapshots: damagedSnapshots(store, checkpoint) }
    return { kind: 'weights', why, saved }
  }
  // Throws any other damage.
  const saved = checkpoint.load(none)
  checkpoint.seen()
  if (saved === undefined) return { kind: 'missing' }
  return { kind: 'weights', why: damage, saved }
}

function damagedSnapshots(store: Store, checkpoint: Checkpoint): readonly string[] {
  return store
    .all('SELECT version FROM snapshots')
    .map((row) => row.text('version'))
    .filter((version) => damageIn(() => void checkpoint.snapshot(version)) !== undefined)
}

function damageIn(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_CORRUPT') return error.message
    throw error
  }
}

function notFinite({ weights }: SavedState): string | undefined {
  const found = [...weights.tensors].find(([, { data }]) => !data.every(Number.isFinite))
  return found && `${found[0]} holds a number that is not finite`
}
