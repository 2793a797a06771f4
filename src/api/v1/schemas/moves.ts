/** Schemas of moves of the live pointer: what is asked for, where it points, and its history. */
import { Type, type Static } from 'typebox'
import type { Asked } from '../../../versions/contract.ts'
import { Count, Name, Time } from '../../schema-parts.ts'
import { routedParts } from '../describe-trial.ts'
import { Next } from '../page.ts'
import { nullable } from '../../../platform/nullable.ts'

const Strict = { additionalProperties: false }

export const LiveAnswer = Type.Object({
  version: Name,
  digest: Type.String(),
  generation: Count,
  since: Time,
  previous: nullable(Name),
  by: Type.String({
    description: 'what moved the pointer, such as start, trainer, rollback, promote or canary',
  }),
  actor: Type.Optional(
    Type.String({ description: 'of a person, if the daemon has keys: the name of the key' }),
  ),
  ...routedParts,
  reason: Type.String({ description: 'reason for the move' }),
})

export const PastMoveAnswer = Type.Object({
  ...LiveAnswer.properties,
  before: Type.Optional(
    nullable(
      Type.String({
        description:
          'what was live until this move; the same where the move kept it, as a pause or a trial does',
      }),
    ),
  ),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'absent: it holds now' })),
  asks: Type.Optional(
    // Without properties here, so that all of it is written.
    Type.Unsafe<Asked>({ description: 'what the move asks of the trainer' }),
  ),
  hash: Type.Optional(
    Type.String({ description: 'sha256 of this move and of prior; antikythera history --verify' }),
  ),
  prior: Type.Optional(Type.String({ description: 'the hash of the move before' })),
})

export const HistoryAnswer = Type.Object({ moves: Type.Array(PastMoveAnswer), next: Next })

const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'recorded in the history',
})
const Undone = Type.Optional(
  Type.Boolean({
    description: 'also a version that a rollback has taken back; otherwise VERSION_UNDONE',
  }),
)
export const RollbackBody = Type.Object(
  {
    to: Type.Optional(Type.String()),
    from: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          'in place of "to": the version that is rolled back, to the one that was live before it; absent: the live one. A request that is sent twice, or after the trainer has published, then goes to the same version',
      }),
    ),
    reason: Reason,
    undone: Undone,
    hold: Type.Optional(Type.Boolean({ description: 'the same as then: hold' })),
    then: Type.Optional(
      Type.Union([Type.Literal('continue'), Type.Literal('skip'), Type.Literal('hold')], {
        description:
          'in place of after_rollback: learn the events after that version again in their order, set them aside, or also learn nothing until resumed',
      }),
    ),
  },
  Strict,
)
export type RollbackBody = Static<typeof RollbackBody>
export const PromoteBody = Type.Object(
  { version: Type.String(), reason: Reason, undone: Undone },
  Strict,
)
export type PromoteBody = Static<typeof PromoteBody>
export const CanaryBody = Type.Object(
  {
    version: Type.String(),
    share: Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 1,
      description: 'of the requests that it answers',
    }),
    reason: Reason,
    undone: Undone,
  },
  Strict,
)
export type CanaryBody = Static<typeof CanaryBody>
export const ShadowBody = Type.Object({ version: Type.String(), reason: Reason }, Strict)
export type ShadowBody = Static<typeof ShadowBody>
/** No body at all is one too. */
export const PinBody = Type.Union(
  [Type.Object({ reason: Type.Optional(Reason) }, Strict), Type.Null()],
  { description: 'the reason stands in the audit log' },
)
export const EndTrialBody = Type.Object({ reason: Reason }, Strict)
export type EndTrialBody = Static<typeof EndTrialBody>
export const RoutingAnswer = Type.Object({ live: Name, generation: Count, ...routedParts })
export const MoveAnswer = Type.Object({
  live: Name,
  version: Name,
  digest: Type.String(),
  previous: Name,
  generation: Count,
})
