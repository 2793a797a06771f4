/**
 * Moves the position of a source in the checkpoint of a stopped daemon. Learned ids stay known, so repeated events are
 * duplicates; skipped events are reported only here.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { folderOf } from '../../config/model-parts.ts'
import { openSources } from '../../app/streams.ts'
import type { LocatedRange, Source } from '../../contracts/source.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Config } from '../../config/config.ts'
import { failure } from '../../platform/errors.ts'
import { acquireLock } from '../../platform/store/lock.ts'
import { openLog } from '../../platform/log.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import { movePositions, savedPositions } from '../../checkpoint/recovery.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { readConfig, modelNamed } from '../read-config.ts'

export interface ResetFlags extends ConfigFlags {
  readonly source: string
  readonly to: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

export async function resetPosition(name: string | undefined, flags: ResetFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, name)
  const path = join(folderOf(config, model), 'state.db')
  if (!existsSync(path)) throw failure('CHECKPOINT_MISSING', `${path} does not exist`)
  const lock = await acquireLock(join(config.data_dir, 'trainers.lock'), {
    clock: systemClock,
    waitMs: 0,
  })
  try {
    await withStore(path, (store) => reset(store, { config, model, flags }))
  } finally {
    lock.release()
  }
}

async function withStore(path: string, work: (store: Store) => Promise<void>): Promise<void> {
  const store = openStore(path, { migrations: checkpointMigrations })
  try {
    await work(store)
  } finally {
    store.close()
  }
}

interface Reset {
  readonly config: Config
  readonly model: string
  readonly flags: ResetFlags
}

async function reset(store: Store, { config, model, flags }: Reset): Promise<void> {
  const log = openLog({ level: 'warn' })
  const { sources, close } = await openSources(config, model, { clock: systemClock, log })
  try {
    const source = sourceNamed(sources, flags.source)
    const located = await locate(source, flags.to, store)
    const positions = located.map(({ partition, to }) => [partition, to])
    if (flags.dryRun !== true)
      movePositions(store, source.name, Object.fromEntries(positions) as Record<string, string>)
    const answer = { model, source: source.name, moved: flags.dryRun !== true, partitions: located }
    print(flags.json, answer, () => linesOf(answer))
  } finally {
    await close()
  }
}

async function locate(source: Source, to: string, store: Store): Promise<readonly LocatedRange[]> {
  if (source.locate === undefined)
    throw failure(
      'USAGE',
      `${source.name} has no positions to choose: \`antikythera recover\` fixes it`,
    )
  return source.locate(to, savedPositions(store, source.name), AbortSignal.timeout(60_000))
}

/** Finds a source by its name, or by its kind if the model has only one of that kind. */
function sourceNamed(sources: readonly Source[], name: string): Source {
  const ofKind = sources.filter((source) => source.name.split(':', 1)[0] === name)
  const found = sources.find((source) => source.name === name) ?? ofKind[0]
  if (found !== undefined && (found.name === name || ofKind.length === 1)) return found
  const names = sources.map((source) => source.name).join(', ')
  throw failure('USAGE', `--source ${name}: this model has ${names}`)
}

interface Answer {
  readonly source: string
  readonly moved: boolean
  readonly partitions: readonly LocatedRange[]
}

function linesOf({ source, moved, partitions }: Answer): readonly string[] {
  const lines = partitions.map(({ partition, from, to, skipped, again, gone }) => {
    const what = [
      `skipped unread: ${skipped}`,
      `read again: ${again}${again > 0 ? ' (known ids are duplicates)' : ''}`,
      `lost unread: ${gone ?? 'unknown, the content is different'}`,
    ]
    return `${source} ${partition}: ${from ?? 'nothing read'} → ${to}; ${what.join('; ')}`
  })
  return [...lines, moved ? 'Moved. Start the daemon again.' : 'Nothing was changed (--dry-run).']
}
