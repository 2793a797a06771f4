/** A daemon's report on its models to the other daemons: written here, and read here. */
import type { Member, MemberModel } from './members.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'
import type { LiveModel } from '../../live/contract.ts'
import type { FleetMember } from './fleet-view.ts'
import { intakeCounts, type ModelIntake } from '../feedback/intake-counts.ts'

/** `trainer`: undefined if another daemon trains the model. */
export function modelInfo(
  live: Pick<LiveModel, 'live'>,
  intake: ModelIntake | undefined,
  trainer: TrainerStatus | undefined,
): MemberModel {
  const pointer = live.live()?.pointer
  const { version = null, digest = null } = pointer?.live ?? {}
  const generation = pointer?.generation ?? 0
  return { version, digest, generation, ...intakeCounts(intake), trainer: trainer ?? null }
}

export function fleetMember({ replica, role, url, seenMs, models }: Member): FleetMember {
  const live = Object.entries(models).flatMap(([model, { version, digest, generation }]) =>
    version === null || digest === null ? [] : [[model, { version, digest, generation }] as const],
  )
  const configs = Object.entries(models).flatMap(([model, { config }]) =>
    config === undefined ? [] : [[model, config] as const],
  )
  const where = url === null ? {} : { url }
  return {
    ...{ replica, role, seenMs, ...where },
    live: Object.fromEntries(live),
    configs: Object.fromEntries(configs),
  }
}
