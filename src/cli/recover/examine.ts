/** Everything that a model has on this disk, and its condition. Read only. */
import { pluginsOf } from '../../config/plugins/own-plugins.ts'
import { join } from 'node:path'
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
import { examineCheckpoint, type CheckpointState } from './checkpoint.ts'
import { examineInbox, type Journal } from './inbox.ts'
import { examine, type StoreState } from './stores.ts'
import { examineVersions, removedManifests, type FoundVersion } from './versions.ts'

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
