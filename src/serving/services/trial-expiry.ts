/**
 * Ends a trial by the clock, for a model that gets too few events for a count to end it. The rollout policy asks for
 * it with `max_time`. To the trainer this is a move like a person's, so learning stays deterministic. Every daemon
 * that answers looks; the compare-and-set lets one of them act.
 */
import { CodedError, rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { RolloutExpiry } from '../../contracts/release.ts'
import type { Routing } from '../../versions/contract.ts'
import type { ServedModel, TrainerReport, TrainerView } from './served-model.ts'

export type Expiring = Pick<ServedModel, 'name' | 'registry' | 'live' | 'feedback' | 'trialExpiry'>

export interface TrialExpiryOptions {
  readonly models: readonly Expiring[]
  readonly trainer: Pick<TrainerView, 'status'>
  /** When the present stage of a model's trial began. */
  readonly sinceMs: (model: string) => number | undefined
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
}

type Trial = NonNullable<TrainerReport['trial']>

const LOOK_MS = 1000

/** Looks once a second until `signal` aborts. */
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
export function onTrial({ canary, shadow }: Routing) {
  return canary ?? shadow
}

function reasonOf({ stage, candidate }: Trial, { afterMs, verdict }: RolloutExpiry): string {
  const judged = `${candidate.count} of its answers judged`
  return `${stage.kind}: undecided after ${Math.round(afterMs / 1000)} s, ${judged}: ${verdict}`
}
