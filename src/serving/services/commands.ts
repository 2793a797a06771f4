/**
 * Commands of a person to the trainer: pause, resume, relearn, discard. Each is a move of the live pointer that stays where
 * it is: durable, known to every daemon of a fleet, in the history with its reason, and seen by the trainer before it
 * reads on, also where it reads nothing.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Asked, Routing } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'
import type { ServedModel } from './served-model.ts'

/** The parts of a model that a command moves. */
export type Commanded = Pick<ServedModel, 'name' | 'registry' | 'live'>

export type Command = 'pause' | 'resume' | 'relearn' | 'discard'

/** Races with the trainer are rare, and each try reads the pointer again. */
const TRIES = 10

export async function command(
  { name, registry, live }: Commanded,
  by: Command,
  reason: string,
  asks?: Asked,
): Promise<Routing> {
  for (let tries = 1; ; tries += 1) {
    const now = await registry.live()
    if (now === undefined) throw failure('NOT_READY', `model ${name} has no live version`)
    const {
      live: { version },
      generation,
    } = now
    try {
      const pointer = await registry.point({ version, expect: generation, reason, by, asks })
      await live.swap(pointer)
      return pointer
    } catch (error) {
      const isStale = error instanceof CodedError && error.code === 'GENERATION_STALE'
      if (!isStale || tries === TRIES) throw error
    }
  }
}
