/**
 * Trials by a person: a version gets a share of the requests, or is compared as a shadow, until the person ends the trial,
 * promotes the version or rolls back. Each is a move of the live pointer that keeps its version, like a command, so it
 * reaches every daemon of a fleet and the trainer. Also how old a trial is, and its end by the clock where a policy asks
 * for that.
 */
import { failure } from '../../platform/errors.ts'
import type { Routing } from '../../versions/contract.ts'
import type { NextMove, VersionService } from '../../versions/service.ts'
import { CodedError, rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { RolloutExpiry } from '../../contracts/release.ts'
import { movePointer, refuseTainted, type Movable } from './moves.ts'
import type { ServedModel, TrainerReport, TrainerView } from './served-model.ts'

/**
 * When the present stage of a trial began, by the moves of the live pointer: commands such as a pause move it too and
 * begin no stage. It is asked now and then: a trial that ended and began again in between is a new one. After a restart
 * of this server it may look younger, by such a command.
 */
export class TrialAge {
  #stage = ''
  #sinceMs = 0
  #generation = 0

  /** When the trial of the present routing began; undefined if no version is on trial. */
  sinceMs(routing: Routing | undefined): number | undefined {
    const stage = routing === undefined ? '' : stageOf(routing)
    if (stage !== this.#stage || this.#beganAgain(routing)) this.#sinceMs = routing?.sinceMs ?? 0
    this.#stage = stage
    this.#generation = routing?.generation ?? 0
    return stage === '' ? undefined : this.#sinceMs
  }

  /** Right after the move that was known it is the same trial, said twice. */
  #beganAgain(routing: Routing | undefined): boolean {
    if (routing?.by !== 'canary' && routing?.by !== 'shadow') return false
    return routing.generation > this.#generation + 1
  }
}

function stageOf({ canary, shadow }: Routing): string {
  if (canary !== undefined) return `canary ${canary.version} ${canary.share}`
  return shadow === undefined ? '' : `shadow ${shadow.version}`
}

interface Why {
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
  model: Movable,
  versions: Pick<VersionService, 'refuseUndone'>,
): TrialService {
  const { registry, live } = model
  const age = new TrialAge()
  const move = async (next: NextMove) => (await movePointer(model, next)).routing
  return {
    sinceMs: () => age.sinceMs(live.live()?.pointer),
    async canary(version, share, { undone, ...why }) {
      await refuseTainted(version, model)
      await versions.refuseUndone(version, undone)
      await live.prove(version)
      return move({ ...why, by: 'canary', canary: { version, share }, shadow: null })
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
      return move({ ...why, by: 'shadow', canary: null, shadow: version })
    },
    async end(kind, why) {
      const routing = await registry.live()
      if (routing !== undefined && routing[kind] === undefined) return routing
      return move({ ...why, by: kind, [kind]: null })
    },
  }
}

type Expiring = Pick<ServedModel, 'name' | 'registry' | 'live' | 'feedback' | 'trialExpiry'>

interface TrialExpiryOptions {
  readonly models: readonly Expiring[]
  readonly trainer: Pick<TrainerView, 'status'>
  /** When the present stage of a model's trial began. */
  readonly sinceMs: (model: string) => number | undefined
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
}

type Trial = NonNullable<TrainerReport['trial']>

const LOOK_MS = 1000

/**
 * Ends a trial by the clock, for a model that gets too few events for a count to end it. The rollout policy asks for
 * it with `max_time`. To the trainer this is a move like a person's, so learning stays deterministic. Every daemon
 * that answers looks; the compare-and-set lets one of them act.
 *
 * Looks once a second until `signal` aborts.
 */
export async function runTrialExpiry(
  options: TrialExpiryOptions,
  signal: AbortSignal,
): Promise<void> {
  const watched = options.models.filter(({ trialExpiry }) => trialExpiry !== undefined)
  while (watched.length > 0 && !signal.aborted) {
    for (const model of watched) await look(model, options)
    await rest(options.clock, LOOK_MS, signal)
  }
}

async function look(model: Expiring, options: TrialExpiryOptions): Promise<void> {
  const { trainer, sinceMs, clock, log } = options
  const { trialExpiry: expiry, name } = model
  const { trial } = trainer.status(name)
  const since = sinceMs(name)
  if (expiry === undefined || trial?.by !== 'policy' || since === undefined) return
  if (clock.nowMs() - since < expiry.afterMs) return
  try {
    await end(model, trial, expiry)
    log.info({ model: name, version: trial.version, verdict: expiry.verdict }, 'a trial expired')
  } catch (err) {
    // Another daemon was first, or the trial has just ended.
    if (err instanceof CodedError && err.code === 'GENERATION_STALE') return
    log.warn({ model: name, version: trial.version, err }, 'a trial that expired cannot be ended')
  }
}

/** Like `promote` by a person, and like the end of a canary that fails. */
async function end(model: Expiring, trial: Trial, expiry: RolloutExpiry): Promise<void> {
  const { registry, live, feedback } = model
  const routing = await registry.live()
  if (routing === undefined || onTrial(routing)?.version !== trial.version) return
  const reason = reasonOf(trial, expiry)
  const expect = routing.generation
  if (expiry.verdict === 'promote') await live.prove(trial.version)
  const next =
    expiry.verdict === 'promote'
      ? ({ version: trial.version, by: 'promote' } as const)
      : ({ version: routing.live.version, by: 'policy', asks: { follow: true } } as const)
  const moved = await registry.point({ ...next, expect, reason })
  feedback.moved?.(moved)
  await live.swap(moved)
}

/** The version that a routing names beside the live one. */
function onTrial({ canary, shadow }: Routing) {
  return canary ?? shadow
}

function reasonOf({ stage, candidate }: Trial, { afterMs, verdict }: RolloutExpiry): string {
  const judged = `${candidate.count} of its answers judged`
  return `${stage.kind}: undecided after ${Math.round(afterMs / 1000)} s, ${judged}: ${verdict}`
}
