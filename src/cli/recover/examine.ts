/** Everything that a model has on this disk, and its condition. Read only. */
import { join } from 'node:path'
import { pluginsOf } from '../../config/plugins/own-plugins.ts'
import { bundleFor } from '../../app/model.ts'
import { behind, isFromStream, movesUnknownTo } from '../../checkpoint/recovery.ts'
import type { Config } from '../../config/config.ts'
import {
  folderOf,
  lettersLimits,
  modelOf,
  openBaseOf,
  rememberedBy,
} from '../../config/model-parts.ts'
import { taskNameOf } from '../../config/tasks.ts'
import type { Base } from '../../contracts/base.ts'
import { deadLettersFile, openDeadLetters } from '../../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../../intake/inbox/schema.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Routing, Manifest } from '../../versions/contract.ts'
import { Ledger } from '../../versions/local/ledger.ts'
import type { TrainableState } from '../../contracts/adapter.ts'
import { CodedError } from '../../contracts/core.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { Checkpoint } from '../../checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import type { SavedState } from '../../checkpoint/saved.ts'
import { examineInbox, type Journal } from './inbox.ts'
import { examine, type StoreState } from './stores.ts'
import { examineVersions, removedManifests, type FoundVersion } from './versions.ts'

/**
 * How much of `state.db` is usable: everything, everything but the weights, or only what versions contain.
 */
type CheckpointState =
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
function examineCheckpoint(path: string): CheckpointState {
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

export interface Examination {
  readonly model: string
  readonly folder: string
  readonly base: Base
  readonly registry: StoreState
  readonly inbox: StoreState & { readonly journal?: Journal }
  readonly letters: StoreState
  readonly checkpoint: CheckpointState
  readonly versions: readonly FoundVersion[]
  /** Manifests of versions without bytes. */
  readonly removed: readonly Manifest[]
  /** Newest first. */
  readonly history: readonly Routing[]
}

const MOVES = 10_000

export async function examineModel(config: Config, model: string): Promise<Examination> {
  const folder = folderOf(config, model)
  const base = await openBaseOf(modelOf(config, model), pluginsOf(config))
  let [history, removed]: [readonly Routing[], readonly Manifest[]] = [[], []]
  const registryPath = join(folder, 'registry.db')
  const registry = examine(registryPath, () => {
    const ledger = new Ledger(registryPath, systemClock, rememberedBy(config))
    try {
      ;[history, removed] = [ledger.history(MOVES), removedManifests(ledger)]
    } finally {
      ledger.close()
    }
  })
  const letters = join(folder, deadLettersFile)
  const found = {
    ...{ model, folder, base, registry, history, removed },
    inbox: examineInbox(join(folder, inboxFile)),
    letters: examine(letters, () => {
      void openDeadLetters(letters, lettersLimits(config)).close()
    }),
    checkpoint: examineCheckpoint(join(folder, 'state.db')),
    versions: await examineVersions({
      ...{
        folder: join(folder, 'versions'),
        model,
        base,
        task: taskNameOf(modelOf(config, model)),
      },
      bundle: bundleFor(base, config),
    }),
  }
  return config.redis === undefined ? { ...found, checkpoint: comparedWith(found) } : found
}

/** The checkpoint, unless the fleet that this daemon has left had learned more. */
function comparedWith({ checkpoint, history, versions, removed }: Examination): CheckpointState {
  if (checkpoint.kind !== 'whole') return checkpoint
  const { progress } = checkpoint.saved
  const manifests = [...versions.flatMap(({ manifest }) => manifest ?? []), ...removed]
  const later = movesUnknownTo(progress, history).find(({ live }) =>
    manifests.some(
      ({ version, span }) => version === live.version && isFromStream({ span }, ['http']),
    ),
  )
  if (later === undefined) return checkpoint
  return { kind: 'older', why: behind(progress, later.live.version) }
}
