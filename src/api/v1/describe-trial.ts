/** The canary and the shadow of a routing, and what feedback has judged of the version on trial. */
import type { Answer } from '../../client/schemas/parts.ts'
import type { TrialAnswer } from '../../client/schemas/moves.ts'
import type { TrainerReport } from '../../serving/services/served-model.ts'
import type { Routing } from '../../versions/contract.ts'

export function describeRouted({ canary, shadow }: Routing) {
  return {
    ...(canary && {
      canary: { version: canary.version, digest: canary.digest, share: canary.share },
    }),
    ...(shadow && { shadow: { version: shadow.version, digest: shadow.digest } }),
  }
}

export function describeTrial(
  trial: NonNullable<TrainerReport['trial']>,
  sinceMs: number | undefined,
): Answer<typeof TrialAnswer> {
  const { version, stage, by, reason, compared, agreed, waiting } = trial
  return {
    ...{ version, kind: stage.kind, by, reason },
    ...(stage.kind === 'canary' ? { share: stage.share } : { compared, agreed }),
    ...(sinceMs !== undefined && { since: new Date(sinceMs).toISOString() }),
    candidate: arm(trial.candidate),
    live: arm(trial.live),
    ...(waiting !== undefined && { waiting }),
  }
}

function arm({ count, errors }: { readonly count: number; readonly errors: number }) {
  return { judged: count, error: count === 0 ? null : errors / count }
}
