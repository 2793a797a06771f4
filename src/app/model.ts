/**
 * One model, for a daemon, a trainer or a command: its registry, on this disk or shared with a fleet, and the service of
 * its versions.
 */
import { identityOf } from '../adapters/recorded-config.ts'
import { openBundle } from '../adapters/peft/bundle.ts'
import {
  adapterOf,
  folderOf,
  labelsOf,
  methodOf,
  modelOf,
  openBaseOf,
  rememberedBy,
  openTask,
} from '../config/model-parts.ts'
import { taskNameOf, taskPluginOf } from '../config/tasks.ts'
import { CodedError, type Clock, type Logger } from '../contracts/core.ts'
import type { Lease } from '../fleet/contract.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { openLocalRegistry, type Bundle, type LocalRegistry } from '../versions/local/local.ts'
import { openFleetRegistry, type FleetRegistryOptions } from '../versions/shared/registry.ts'
import { connect, type SharedState } from './fleet.ts'
import { viewOf } from '../adapters/view.ts'
import { quantizedHash } from '../adapters/quantized.ts'
import { openBert } from '../bases/bert/bert.ts'
import { hubName } from '../bases/pulled/wheel.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import type { Base } from '../contracts/base.ts'
import { systemClock } from '../platform/clock.ts'
import { failure } from '../platform/errors.ts'
import { openLog } from '../platform/log.ts'
import { nameAt } from '../versions/import/base-proof.ts'
import type { ImportTarget } from '../versions/import/draft.ts'
import { openVersions, type VersionService } from '../versions/service.ts'

export async function openRegistry(
  config: Config,
  model: string,
  base: Base,
  parts: { readonly clock: Clock; readonly log: Logger },
): Promise<LocalRegistry> {
  return openLocalRegistry({ ...placeOf(config, model, base), ...parts })
}

function placeOf(config: Config, model: string, base: Base) {
  return {
    folder: folderOf(config, model),
    model,
    base: identityOf(base),
    task: taskNameOf(modelOf(config, model)),
    bundle: bundleFor(base, config),
    remembered: rememberedBy(config),
  }
}

export interface RegistryNeeds {
  readonly clock: Clock
  readonly log: Logger
  readonly sharing?: SharedState | undefined
  /** Something that Redis or the blob store had lost came back from this daemon. */
  readonly onRepaired?: FleetRegistryOptions['onRepaired']
  /** A trainer's lease; absent when a person writes. */
  readonly lease?: (() => Lease | undefined) | undefined
  /** Another process of this daemon has a replica of it in the same folder, as it has for a trainer. */
  readonly follows?: boolean
}

/** The model's registry: on this disk alone, or the fleet's with this disk as its replica. */
export async function openSharedRegistry(
  config: Config,
  model: string,
  base: Base,
  { sharing, lease, follows = lease !== undefined, onRepaired, ...parts }: RegistryNeeds,
): Promise<LocalRegistry> {
  if (sharing === undefined) return openRegistry(config, model, base, parts)
  return openFleetRegistry({
    ...placeOf(config, model, base),
    ...parts,
    ...(onRepaired && { onRepaired }),
    redis: sharing.redis,
    replica: sharing.replica,
    blobs: sharing.place?.of(model, 'versions'),
    ...(lease && { lease }),
    ...(follows && { follows }),
    limits: { versionBytes: config.fleet.version_bytes },
  })
}

/** Converts a version's parameters to files and back. */
export function bundleFor(base: Base, config: Pick<Config, 'limits' | 'plugins'>): Bundle {
  const { safetensors_header_bytes: headerBytes } = config.limits
  const { methods, tasks } = pluginsOf(config)
  return openBundle({ base, methods, tasks, headerBytes })
}

/** On this disk, whatever a fleet has. */
export async function withLocalVersions<Result>(
  config: Config,
  model: string,
  work: (versions: VersionService, base: Base) => Promise<Result>,
): Promise<Result> {
  const base = await openBaseOf(modelOf(config, model), pluginsOf(config))
  const registry = await openRegistry(config, model, base, { clock: systemClock, log: quietLog() })
  return work(openVersions(registry), base).finally(() => registry.close())
}

/** Throws `REDIS_UNAVAILABLE` if a fleet cannot be asked. */
export async function withVersions<Result>(
  config: Config,
  model: string,
  work: (versions: VersionService, base: Base) => Promise<Result>,
): Promise<Result> {
  const parts = { clock: systemClock, log: quietLog() }
  const base = await openBaseOf(modelOf(config, model), pluginsOf(config))
  const redis = await connect(config, parts)
  try {
    if (redis !== undefined && redis.status !== 'ready')
      throw failure('REDIS_UNAVAILABLE', 'Redis is away: the fleet’s versions are not known')
    const sharing = redis && { redis, replica: 'import' }
    const registry = await openSharedRegistry(config, model, base, { ...parts, sharing })
    return await work(openVersions(registry), base).finally(() => registry.close())
  } finally {
    redis?.close()
  }
}

/** The model as a folder is imported into it. */
export function importTarget(config: Config, model: string, base: Base): ImportTarget {
  const settings = modelOf(config, model)
  const plugins = pluginsOf(config)
  const [method, adapter] = [methodOf(settings, plugins), adapterOf(settings)]
  const labels = labelsOf(settings)
  const task = taskPluginOf(settings, plugins)
  return {
    ...{ model, base, labels, hashAt: hashesFor(base) },
    async tryAnswer(draft) {
      const { tryAnswer } = await import('../serving/engine/trial-answer.ts')
      await tryAnswer(
        { base, ...plugins },
        draft,
        openTask(settings, config.limits, plugins).texts !== undefined,
      )
    },
    names: namesOf(settings.base, base),
    plan: {
      base: viewOf(base, method, adapter, task.reads),
      method,
      task,
      config: adapter,
      outputs: (task.hasClasses ?? task.hasStrata) === true ? task.outputs(labels.known) : 0,
    },
  }
}

/** In the same number of bits as the model's own base. */
function hashesFor({ quantize }: Base): (folder: string) => Promise<string> {
  return quantize === undefined
    ? hashAt
    : async (folder) => hashAt(folder).then((hash) => quantizedHash(hash))
}

/** A folder that is not a base of ours is a different base. */
async function hashAt(folder: string): Promise<string> {
  try {
    return (await openBert(folder)).hash
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

/** A folder of the user's may hold a network that is also downloaded by a name. */
function namesOf(config: ModelConfig['base'], { name, hub }: Base): readonly string[] {
  const folder = typeof config !== 'string' && 'bert' in config ? nameAt(config.bert) : name
  return [...new Set([folder, hub ?? hubName(folder)].map(nameAt))]
}

function quietLog() {
  return openLog({ level: 'warn' })
}
