/** Schemas of moves of the live pointer: what is asked for, where it points, and its history. */
import { Type, type Static } from 'typebox'
import {
  Count,
  Name,
  Next,
  NumberedQuery,
  Reason,
  Time,
  flag,
  integer,
  number,
  text,
} from './parts.ts'
import { nullable } from '../../platform/nullable.ts'

const Strict = { additionalProperties: false }

const Share = number('of the requests, between 0 and 1')

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
  judged: integer('answers of this trial that feedback judged'),
  error: nullable(
    number('0 = all right, 1 = all wrong; for numbers the distance; null: none is judged'),
  ),
})

export const TrialAnswer = Type.Object(
  {
    version: Name,
    kind: text('canary or shadow'),
    share: Type.Optional(Share),
    by: text('policy: the rollout policy decides; person: a person ends the trial'),
    reason: Type.String(),
    since: Type.Optional({ ...Time, description: 'when its present stage began' }),
    candidate: Arm,
    live: Arm,
    compared: Type.Optional(
      integer('judged examples that both the live version and a shadow answered'),
    ),
    agreed: Type.Optional(Count),
    waiting: Type.Optional(text('the newest released version: its trial is next')),
  },
  { description: 'the version on trial; absent: none, or another daemon trains the model' },
)

export const LiveAnswer = Type.Object({
  version: Name,
  digest: Type.String(),
  generation: Count,
  since: Time,
  previous: nullable(Name),
  by: text('what moved the pointer, such as start, trainer, rollback, promote or canary'),
  actor: Type.Optional(text('of a person, if the daemon has keys: the name of the key')),
  ...routedParts,
  reason: text('reason for the move'),
})

export const PastMoveAnswer = Type.Object({
  ...LiveAnswer.properties,
  before: Type.Optional(
    nullable(
      text(
        'what was live until this move; the same where the move kept it, as a pause or a trial does',
      ),
    ),
  ),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'absent: it holds now' })),
  asks: Type.Optional(
    // Without properties here, so that all of it is written.
    Type.Unsafe<object>({ description: 'what the move asks of the trainer' }),
  ),
  hash: Type.Optional(text('sha256 of this move and of prior; antikythera history --verify')),
  prior: Type.Optional(text('the hash of the move before')),
})

export const HistoryAnswer = Type.Object({ moves: Type.Array(PastMoveAnswer), next: Next })

export const HistoryQuery = Type.Object(
  {
    ...NumberedQuery.properties,
    version: Type.Optional(
      Type.String({ maxLength: 64, description: 'only moves under which it was live' }),
    ),
  },
  { additionalProperties: false },
)

const Undone = Type.Optional(
  flag('also a version that a rollback has taken back; otherwise VERSION_UNDONE'),
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
    hold: Type.Optional(flag('the same as then: hold')),
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
