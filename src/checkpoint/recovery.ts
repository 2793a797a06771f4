/**
 * What a person changes in the checkpoint of a stopped daemon. `antikythera reset-position` sets the positions of a source;
 * `antikythera recover` leaves instructions for the next start of the trainer, which alone can load a base and a version:
 * where to continue. The first save removes them.
 */
import { CodedError, type Json } from '../contracts/core.ts'
import type { Manifest, Registry, Routing } from '../versions/contract.ts'
import { isByTrainer } from '../versions/routing.ts'
import { failure } from '../platform/errors.ts'
import type { Store } from '../platform/store/store.ts'
import type { Positions } from '../contracts/source.ts'
import type { Progress } from './saved.ts'
import { fact, setFact, stampOf } from './tables/states.ts'
import { rowSum, checkRow } from './tables/rows.ts'

export interface Recovery {
  readonly [key: string]: Json
  /**
   * `weights`: those of the checkpoint are damaged, everything else is intact. `version`: there are only positions.
   * `publish`: the checkpoint is intact, and its weights are published again as a version, because the live one is
   * unusable.
   */
  readonly from: 'weights' | 'version' | 'publish'
  /** The source of the weights, which answers meanwhile. */
  readonly version: string
  /** The number of the next version: above all that ever were, also those that were moved aside. */
  readonly next: number
  readonly reason: string
}

export function recoveryIn(store: Store): Recovery | undefined {
  return fact(store, 'recovery') as Recovery | undefined
}

export function leaveRecovery(store: Store, recovery: Recovery): void {
  setFact(store, 'recovery', recovery)
}

/** Positions that a recovery decides: those of other sources stay. */
export function setPositions(
  store: Store,
  source: string,
  next: Readonly<Record<string, string>>,
  journal?: string,
): void {
  store.run('DELETE FROM positions WHERE source = ?', source)
  const put = 'INSERT INTO positions (source, partition, next, sum) VALUES (?, ?, ?, ?)'
  for (const [partition, position] of Object.entries(next))
    store.run(put, source, partition, position, rowSum(source, partition, position))
  if (journal === undefined) return
  const journals = (fact(store, 'journals') ?? {}) as Readonly<Record<string, string>>
  setFact(store, 'journals', { ...journals, [source]: journal })
}

export function forgetRecovery(store: Store): void {
  store.run(`DELETE FROM facts WHERE name = 'recovery'`)
}

/**
 * A trainer moves the pointer only after its first checkpoint. So without a checkpoint such a move shows that it was
 * lost, and continuing from the start of the stream would learn everything again.
 */
export async function checkNeverTrained(
  registry: Pick<Registry, 'history'>,
  path: string,
): Promise<void> {
  const moves = await registry.history(MOVES)
  const trained = moves.find(isByTrainer)
  if (trained === undefined) return
  const message = `${path} is missing or empty, and its trainer has made ${trained.live.version}: the positions in the stream, the replay buffer and the ids that were seen are lost`
  throw failure('CHECKPOINT_MISSING', message, { details: { path, version: trained.live.version } })
}

/**
 * A daemon that has left a fleet reads its own journals from where the fleet had learned. With a checkpoint that is older
 * than the fleet's last version, what came in between is in no source of it: the line would never reach the live version,
 * and nothing that it learns would ever answer.
 */
export async function checkNotBehind(
  registry: Pick<Registry, 'history' | 'manifest'>,
  { path, progress }: { readonly path: string; readonly progress: KnownProgress },
  journaled: readonly string[],
): Promise<void> {
  for (const { live } of movesUnknownTo(progress, await registry.history(MOVES))) {
    const manifest = await registry.manifest(live.version).catch(unlessUnknown)
    if (manifest === undefined || !isFromStream(manifest, journaled)) continue
    const details = { path, version: live.version, parent: progress.parent }
    throw failure('CHECKPOINT_MISSING', `${path} ${behind(progress, live.version)}`, { details })
  }
}

/** What a checkpoint knows of the live pointer. */
type KnownProgress = Pick<Progress, 'generation' | 'intended' | 'parent'>

export function behind({ parent }: Pick<KnownProgress, 'parent'>, version: string): string {
  return `ends at ${parent ?? 'no version'}, and the fleet that this daemon has left went on to ${version}: what was learned in between is in none of its sources`
}

/** By a trainer whose checkpoint is a later one. Newest first. */
export function movesUnknownTo(
  { generation, intended }: Pick<KnownProgress, 'generation' | 'intended'>,
  history: readonly Routing[],
): readonly Routing[] {
  const own = new Set(intended.map(({ version }) => version))
  return history.filter(
    (move) =>
      move.generation > generation &&
      isByTrainer(move) &&
      move.by !== 'start' &&
      !own.has(move.live.version),
  )
}

/** A journal has one partition; the stream of a fleet is another. */
export function isFromStream({ span }: Pick<Manifest, 'span'>, journaled: readonly string[]) {
  return journaled.some((source) => {
    const partitions = span[source]
    return partitions !== undefined && !('0' in partitions)
  })
}

function unlessUnknown(error: unknown): undefined {
  if (error instanceof CodedError && !error.retriable) return undefined
  throw error
}

/** Persons rarely move it so often in a row. */
const MOVES = 1000

/** Of a checkpoint that no process has open. Throws CHECKPOINT_MISSING if no trainer has saved one yet. */
export function savedPositions(store: Store, source: string): Positions {
  if (fact(store, 'identity') === undefined)
    throw failure('CHECKPOINT_MISSING', `${store.path} has no checkpoint: nothing was read yet`)
  const rows = store.all(
    'SELECT source, partition, next, sum FROM positions WHERE source = ?',
    source,
  )
  const place = { path: store.path, what: `the position of ${source}` }
  const positions = rows.map((row) => {
    const [partition, next] = [row.text('partition'), row.text('next')]
    checkRow(row, place, source, partition, next)
    return [partition, next] as const
  })
  return Object.fromEntries(positions)
}

/** In one transaction. The checkpoint becomes later than each copy of it, which would bring the old positions back. */
export function movePositions(store: Store, source: string, positions: Positions): void {
  const put = 'INSERT OR REPLACE INTO positions (source, partition, next, sum) VALUES (?, ?, ?, ?)'
  store.transaction(() => {
    const { epoch, sequence } = stampOf(store)
    setFact(store, 'stamp', { epoch, sequence: sequence + 1 })
    for (const [partition, next] of Object.entries(positions))
      store.run(put, source, partition, next, rowSum(source, partition, next))
  })
}
