/**
 * Trials by a person: a version gets a share of the requests, or is compared as a shadow, until the person ends the trial,
 * promotes the version or rolls back. Each is a move of the live pointer that keeps its version, like a command, so it
 * reaches every daemon of a fleet and the trainer.
 */
import { failure } from '../../platform/errors.ts'
import type { Routing } from '../../versions/contract.ts'
import { openVersions, type NextMove, type VersionService } from '../../versions/service.ts'
import { refuseTainted, type Movable } from './moves.ts'
import type { ServedModel } from './served-model.ts'
import { TrialAge } from './trial-age.ts'

type TrialModel = Pick<ServedModel, 'name' | 'registry' | 'live' | 'texts'> &
  Pick<Movable, 'forgetTasks'>

export interface Why {
  readonly reason: string
  readonly actor?: string | undefined
}

export interface TrialService {
  /** `share`: between 0 and 1. A trial that is running ends, or gets the new share where it is of this version. */
  canary(
    version: string,
    share: number,
    why: Why & {
      /** Also a version that was taken back. */
      readonly undone?: boolean | undefined
    },
  ): Promise<Routing>
  shadow(version: string, why: Why): Promise<Routing>
  /** Learning goes on where it is. Ending a trial that does not run succeeds. */
  end(kind: 'canary' | 'shadow', why: Why): Promise<Routing>
  /** When the present stage began; undefined: no version is on trial here. */
  sinceMs(): number | undefined
}

export function openTrialService(
  model: TrialModel,
  versions: Pick<VersionService, 'refuseUndone'>,
): TrialService {
  const { registry, live } = model
  const age = new TrialAge()
  return {
    sinceMs: () => age.sinceMs(live.live()?.pointer),
    async canary(version, share, { undone, ...why }) {
      await refuseTainted(version, model)
      await versions.refuseUndone(version, undone)
      await live.prove(version)
      return move(model, { ...why, by: 'canary', canary: { version, share }, shadow: null })
    },
    async shadow(version, why) {
      if (model.texts !== undefined)
        throw failure(
          'REQUEST_INVALID',
          `${model.name} writes texts: a shadow cannot compare them`,
          {
            fix: 'give the version a share of the requests: a canary',
          },
        )
      await refuseTainted(version, model)
      await live.prove(version)
      return move(model, { ...why, by: 'shadow', canary: null, shadow: version })
    },
    async end(kind, why) {
      const routing = await registry.live()
      if (routing !== undefined && routing[kind] === undefined) return routing
      return move(model, { ...why, by: kind, [kind]: null })
    },
  }
}

async function move({ name, registry, live }: TrialModel, next: NextMove): Promise<Routing> {
  if ((await registry.live()) === undefined)
    throw failure('NOT_READY', `model ${name} has no live version`)
  const { routing } = await openVersions(registry).move(next)
  await live.swap(routing)
  return routing
}
