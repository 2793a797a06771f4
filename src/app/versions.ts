/** The versions of one model for a command that needs no running daemon: on this disk, or shared with a fleet. */
import { viewOf } from '../adapters/view.ts'
import { openBert } from '../bases/bert/bert.ts'
import { wheels } from '../bases/pulled/wheel.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import { CodedError } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import { systemClock } from '../platform/clock.ts'
import { failure } from '../platform/errors.ts'
import { openLog } from '../platform/log.ts'
import { nameAt } from '../versions/import/base-proof.ts'
import type { ImportTarget } from '../versions/import/draft.ts'
import { openVersions, type VersionService } from '../versions/service.ts'
import { tasks } from '../plugins.ts'
import { connect, openSharedRegistry } from './fleet.ts'
import { adapterOf, labelsOf, methodOf, modelOf, openBase, openRegistry } from './parts.ts'

/** On this disk, whatever a fleet has. */
export async function withLocalVersions<Result>(
  config: Config,
  model: string,
  work: (versions: VersionService, base: Base) => Promise<Result>,
): Promise<Result> {
  const base = await openBase(modelOf(config, model).base)
  const registry = await openRegistry(config, model, base, { clock: systemClock, log: quietLog() })
  return work(openVersions(registry), base).finally(() => registry.close())
}

/** Throws `REDIS_UNAVAILABLE` where a fleet cannot be asked. */
export async function withVersions<Result>(
  config: Config,
  model: string,
  work: (versions: VersionService, base: Base) => Promise<Result>,
): Promise<Result> {
  const parts = { clock: systemClock, log: quietLog() }
  const base = await openBase(modelOf(config, model).base)
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
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const labels = labelsOf(settings)
  return {
    ...{ model, base, labels, hashAt },
    names: namesOf(settings.base, base),
    plan: {
      base: viewOf(base, method, adapter),
      method,
      task: tasks.classification,
      config: adapter,
      outputs: labels.known.length,
    },
  }
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

function namesOf(config: ModelConfig['base'], base: Base): readonly string[] {
  if (typeof config === 'string' || !('bert' in config)) return [base.name]
  const folder = nameAt(config.bert)
  const pulled = Object.hasOwn(wheels, folder) ? wheels[folder]?.holds : undefined
  return pulled === undefined ? [folder] : [folder, nameAt(pulled)]
}

function quietLog() {
  return openLog({ level: 'warn' })
}
