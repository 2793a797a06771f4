/**
 * Commands of a person to the trainer: pause, resume, relearn, discard. Each is a move of the live pointer that keeps
 * its version: durable, known to every daemon of a fleet, recorded in the history with its reason, and seen by the
 * trainer before it reads on, even without new records.
 */
import type { Asked, Routing } from '../../versions/contract.ts'
import { openVersions } from '../../versions/service.ts'
import { failure } from '../../platform/errors.ts'
import type { ServedModel } from './served-model.ts'

/** The parts of a model that a command moves. */
export type Commanded = Pick<ServedModel, 'name' | 'registry' | 'live'>

export type Command = 'pause' | 'resume' | 'relearn' | 'discard'

export async function command(
  { name, registry, live }: Commanded,
  by: Command,
  reason: string,
  { asks, actor }: { readonly asks?: Asked; readonly actor?: string | undefined } = {},
): Promise<Routing> {
  if ((await registry.live()) === undefined)
    throw failure('NOT_READY', `model ${name} has no live version`)
  const { routing } = await openVersions(registry).move({ reason, by, asks, actor })
  await live.swap(routing)
  return routing
}
