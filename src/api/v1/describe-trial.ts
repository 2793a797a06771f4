/** The canary and the shadow of a routing, and what feedback has judged of the version on trial. */
import { Type, type Static } from 'typebox'
import type { TrainerReport } from '../../serving/services/served-model.ts'
import type { Routing } from '../../versions/contract.ts'
import { Count, Name, Time } from '../schema-parts.ts'
import { nullable } from '../../platform/nullable.ts'

const Share = Type.Number({ description: 'of the requests, between 0 and 1' })

export const routedParts = {
  canary: Type.Optional(
    Type.Object(
      { version: Name, digest: Type.String(), share: Share },
      { description: 'answers a share of the requests; absent: none does' },
    ),
  ),
  shadow: Type.Optional(
    Type.Object(
      { version: Name, digest: Type.String() },
      { description: 'is computed and compared, never returned' },
    ),
  ),
}

const Arm = Type.Object({
  judged: Type.Integer({ description: 'answers of this trial that feedback judged' }),
  error: nullable(
    Type.Number({
      description: '0 = all right, 1 = all wrong; for numbers the distance; null: none is judged',
    }),
  ),
})

export const TrialAnswer = Type.Object(
  {
    version: Name,
    kind: Type.String({ description: 'canary or shadow' }),
    share: Type.Optional(Share),
    by: Type.String({
      description: 'policy: the rollout policy decides; person: a person ends the trial',
    }),
    reason: Type.String(),
    since: Type.Optional({ ...Time, description: 'when its present stage began' }),
    candidate: Arm,
    live: Arm,
    compared: Type.Optional(
      Type.Integer({
        description: 'judged examples that both the live version and a shadow answered',
      }),
    ),
    agreed: Type.Optional(Count),
    waiting: Type.Optional(
      Type.String({ description: 'the newest released version: its trial is next' }),
    ),
  },
  { description: 'the version on trial; absent: none, or another daemon trains the model' },
)

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
): Static<typeof TrialAnswer> {
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
