/**
 * Moves of the live pointer on a person's word: rollback and promote.
 *
 * The target is proved first, from its bytes on disk to the engine, so that a version that cannot answer is refused with
 * nothing changed. One call makes one move and one generation; a race with the trainer is tried again with the same
 * target. It ends when this server answers with the target, or with what a later move put in its place.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Asked, Routing, Registry } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'
import { versionsBefore } from '../live/version-before.ts'
import type { ServedModel } from './served-model.ts'

export interface Moved {
  readonly pointer: Routing
  readonly previous: string
}

/** Races with the trainer are rare, and each try reads the pointer anew. */
const TRIES = 10
const HISTORY = 1000

/** `to` absent: the version that was live before the present one came. */
export async function rollBack(
  model: ServedModel,
  to: string | undefined,
  reason: string,
  asks?: Asked,
): Promise<Moved> {
  const target = to ?? (await defaultTarget(model))
  return move(model, target, reason, 'rollback', asks)
}

export async function promote(model: ServedModel, version: string, reason: string): Promise<Moved> {
  return move(model, version, reason, 'promote')
}

async function defaultTarget({ name, registry }: ServedModel): Promise<string> {
  for (const version of versionsBefore(await registry.history(HISTORY)))
    if (await isThere(registry, version)) return version
  throw failure('ROLLBACK_IMPOSSIBLE', `model ${name} has no earlier live version`)
}

async function isThere(registry: Registry, version: string): Promise<boolean> {
  try {
    return !(await registry.find(version)).removed
  } catch (error) {
    // Its manifest is forgotten, or damaged.
    if (error instanceof CodedError && !error.retriable) return false
    throw error
  }
}

async function move(
  model: ServedModel,
  version: string,
  reason: string,
  by: 'rollback' | 'promote',
  asks?: Asked,
): Promise<Moved> {
  await model.live.prove(version)
  for (let tries = 1; ; tries += 1) {
    const live = await model.registry.live()
    if (live === undefined) throw failure('NOT_READY', `model ${model.name} has no live version`)
    try {
      const move = { version, expect: live.generation, reason, by, asks }
      const pointer = await model.registry.point(move)
      model.feedback.moved?.(pointer)
      await model.live.swap(pointer)
      return { pointer, previous: live.live.version }
    } catch (error) {
      if (!isStale(error) || tries === TRIES) throw error
    }
  }
}

function isStale(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'GENERATION_STALE'
}
