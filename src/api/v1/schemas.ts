/**
 * The shapes of requests and answers, once: they validate what comes in, serialise what goes out, and make
 * /openapi.json.
 */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { FaultAnswer } from '../http/schemas.ts'
import { NDJSON_TYPES } from './body-types.ts'
import { SourcesAnswer } from './describe-sources.ts'
import { Next } from './page.ts'
import { Count, Maybe, Name, Time } from '../schema-parts.ts'

const Score = Type.Number({ description: 'between 0 and 1' })
const Shares = Type.Unsafe<Readonly<Record<string, number>>>({
  type: 'object',
  additionalProperties: { type: 'number' },
  description: 'score of each label',
})
const Strict = { additionalProperties: false }

export const ModelParams = Type.Object({ model: Type.String() })
export type ModelParams = Static<typeof ModelParams>
export const VersionParams = Type.Object({ model: Type.String(), version: Type.String() })
export type VersionParams = Static<typeof VersionParams>

/** Loose on purpose: what is wrong with an input is said by its own code, with its place. */
export const InputValue = Type.Unsafe<Json>({
  description: 'a text, {"text": …} or {"features": [numbers] | {name: value}}, as the base reads',
  examples: ['what a lovely phone', { text: 'what a lovely phone' }, { features: [0.5, 1] }],
})

export function predictBody(mostInputs: number) {
  return Type.Object(
    {
      inputs: Type.Array(InputValue, { minItems: 1, maxItems: mostInputs }),
      version: Type.Optional(
        Type.String({ description: 'answer with this version, not with the live one' }),
      ),
    },
    Strict,
  )
}
export type PredictBody = Static<ReturnType<typeof predictBody>>

export const PredictAnswer = Type.Object({
  model: Name,
  version: Name,
  digest: Type.String(),
  generation: Type.Optional(
    Type.Integer({ description: 'of the live pointer; absent for a version asked for by name' }),
  ),
  predictions: Type.Array(
    Type.Object({
      id: Type.String({ description: 'feedback may name it as prediction_id' }),
      label: Maybe(Type.String({ description: 'null while the model has no label: see code' })),
      score: Score,
      scores: Shares,
      code: Type.Optional(Type.String({ description: 'NO_LABELS: why there is no label' })),
      message: Type.Optional(Type.String()),
      truncated: Type.Optional(
        Type.Boolean({
          description: 'true: the text is longer than max_tokens, and only its beginning was read',
        }),
      ),
      tokens: Type.Optional(
        Type.Object(
          { kept: Count, dropped: Count },
          { description: 'of a truncated text, as the base counts them' },
        ),
      ),
    }),
  ),
})

/** For the description only: `intake` checks events, each with its own code. */
const FeedbackEvent = Type.Object({
  id: Type.Optional(
    Type.String({
      description:
        'with source the identity, learned at most once among the last limits.seen_events; made from the content if absent',
    }),
  ),
  source: Type.Optional(Type.String()),
  input: Type.Optional(InputValue),
  prediction_id: Type.Optional(Type.String({ description: 'instead of input: what was served' })),
  label: Type.Optional(Type.String({ description: 'or correction, rating or retract' })),
  correction: Type.Optional(Type.String()),
  rating: Type.Optional(Type.Integer({ description: '1 or -1, of the prediction' })),
  retract: Type.Optional(
    Type.Boolean({ description: 'the event with this id; without an id, all of the source' }),
  ),
  since: Type.Optional(Time),
  weight: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  time: Type.Optional(Time),
})
const FeedbackEvents = Type.Object({ events: Type.Array(FeedbackEvent) })
const ndjson = { schema: Type.String({ description: 'one event a line' }) }

export const feedbackBody = {
  content: {
    'application/json': { schema: Type.Union([FeedbackEvent, FeedbackEvents]) },
    ...Object.fromEntries(NDJSON_TYPES.slice(0, 1).map((type) => [type, ndjson])),
  },
}

export const FeedbackAnswer = Type.Object({
  accepted: Count,
  duplicates: Count,
  rejected: Type.Array(
    Type.Object({
      index: Count,
      code: Type.String(),
      message: Type.String(),
      fix: Type.Optional(Type.String({ description: 'what to do about it' })),
    }),
  ),
  retracted: Type.Optional(
    Type.Integer({
      description: 'of the accepted: retracted before they came, and refused when they are read',
    }),
  ),
  position: Type.Optional(
    Type.String({
      description: 'of the last of them: wait_for takes it, of predict and of the model',
    }),
  ),
  pending: Type.Optional(
    Type.Integer({ description: 'events that wait for the next update, these included' }),
  ),
  trigger_every: Type.Optional(
    Type.Integer({ description: 'pending events that start an update' }),
  ),
  trigger_rest_ms: Type.Optional(
    Type.Integer({ description: 'time without an event after which fewer start one; 0 = none' }),
  ),
})

const Drift = Type.Object(
  { alarms: Count, last: Maybe(Type.String()) },
  { description: 'of a trigger that detects drift: alarms since the model began' },
)

const Share = Maybe(Type.Number({ description: 'null where there is nothing to divide by' }))
const Baseline = Type.Object({
  label: Maybe(Type.String({ description: 'what it would answer now' })),
  accuracy: Score,
  accuracy_recent: Score,
})
/** The shape of the contract's QualityReport. */
export const QualityAnswer = Type.Object({
  model: Name,
  events: Type.Integer({
    description: 'examples with a label, each answered before it was learned',
  }),
  accuracy: Score,
  accuracy_recent: Score,
  accuracy_recent_by_source: Type.Number({
    description: 'the mean over sources, in which each weighs the same',
  }),
  baselines: Type.Object(
    { majority: Baseline, last_label: Baseline },
    { description: 'answering the most frequent label so far, or the one that came last' },
  ),
  window_events: Type.Integer({
    description:
      'the last examples, of which calibration, labels and confusion are: 10,000 at most',
  }),
  calibration: Type.Object({
    ece: Type.Number({ description: 'expected calibration error: 0 = a score is a chance' }),
    bins: Type.Array(Type.Object({ count: Count, score: Score, accuracy: Score })),
  }),
  labels: Type.Array(
    Type.Object({
      label: Type.String(),
      support: Count,
      predicted: Count,
      precision: Share,
      recall: Share,
      f1: Share,
    }),
    { description: 'most examples first, limits.quality_labels at most' },
  ),
  other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
  confusion: Type.Object(
    { labels: Type.Array(Type.String()), counts: Type.Array(Type.Array(Type.Integer())) },
    {
      description:
        'rows: what was right; columns: what was answered; the last of each: every other label',
    },
  ),
  sources: Type.Array(
    Type.Object({
      source: Type.String(),
      count: Count,
      accuracy: Score,
      accuracy_recent: Score,
    }),
    { description: 'most examples first, limits.quality_sources at most, then other' },
  ),
  drift: Maybe(Drift),
})

const Scores = Type.Object({
  count: Count,
  accuracy: Score,
  accuracy_recent: Score,
  loss: Type.Number(),
})

export const LiveAnswer = Type.Object({
  version: Name,
  digest: Type.String(),
  generation: Count,
  since: Time,
  previous: Maybe(Name),
  by: Type.String({ description: 'who moved the pointer: start, trainer, rollback or promote' }),
  reason: Type.String({ description: 'why it was moved' }),
})

export const HistoryAnswer = Type.Object({ moves: Type.Array(LiveAnswer), next: Next })

export const PinAnswer = Type.Object({
  version: Name,
  pinned: Type.Boolean(),
  pins: Type.Array(Name, { description: 'every pinned version of the model' }),
})

export const FailedSwapAnswer = Type.Object(
  { version: Name, code: Type.String(), message: Type.String(), since: Time },
  { description: 'the version that the live pointer names and that could not be loaded' },
)

export const TrainerAnswer = Type.Object({
  state: Type.String(),
  pid: Type.Optional(Count),
  restarts: Count,
  engine: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
})

export const ModelAnswer = Type.Object({
  model: Name,
  base: Type.String(),
  method: Type.String(),
  labels: Type.Array(Type.String(), { description: 'those that it answers' }),
  retired: Type.Optional(
    Type.Array(Type.String(), { description: 'those that it knows and does not answer' }),
  ),
  live: Maybe(LiveAnswer),
  failed_swap: Type.Optional(FailedSwapAnswer),
  trainer: TrainerAnswer,
  lag: Type.Integer({ description: 'accepted events that the trainer has not read' }),
  pending: Type.Integer({ description: 'events read and waiting for the next update' }),
  progress: Type.Optional(
    Type.Object(
      { rate: Count, eta_seconds: Count },
      { description: 'of a backlog: records a second, seconds until it is read if no more came' },
    ),
  ),
  drift: Type.Optional(Drift),
  quality: Type.Optional(
    Type.Object(
      {
        accuracy_recent: Score,
        accuracy_recent_by_source: Score,
        majority_recent: Score,
        last_label_recent: Score,
        ece: Type.Number(),
      },
      { description: 'of recent examples; more of it at /v1/models/{model}/quality' },
    ),
  ),
  faults: Type.Optional(
    Type.Array(FaultAnswer, { description: 'what is broken while it goes on; absent: nothing' }),
  ),
  sources: Type.Optional(SourcesAnswer),
  counts: Type.Object({
    accepted: Count,
    duplicates: Count,
    learned: Count,
    rejected: Count,
    waiting: Count,
    set_aside: Type.Optional(
      Type.Integer({ description: 'accepted before a rollback; relearn or discard them' }),
    ),
  }),
  prequential: Scores,
})
export const ModelsAnswer = Type.Object({ models: Type.Array(ModelAnswer) })

export const VersionAnswer = Type.Object({
  version: Name,
  digest: Type.String(),
  parent: Maybe(Type.String()),
  created: Time,
  events: Count,
  events_new: Count,
  steps: Count,
  labels: Type.Array(Type.String(), { description: 'those that it answers' }),
  retired: Type.Optional(
    Type.Array(Type.String(), { description: 'those that it knows and does not answer' }),
  ),
  memory: Type.Optional(
    Type.Integer({ description: 'kept examples that answer along with the head' }),
  ),
  scores: Scores,
  decision: Type.String(),
  reason: Type.String(),
  live: Type.Boolean(),
  removed: Type.Boolean({ description: 'keep removed its bytes' }),
  pinned: Type.Boolean({ description: 'its bytes stay until it is unpinned' }),
})

export const VersionsAnswer = Type.Object({
  versions: Type.Array(VersionAnswer),
  next: Next,
})

const Reason = Type.String({ minLength: 1, maxLength: 1000, description: 'kept in the history' })
export const RollbackBody = Type.Object(
  {
    to: Type.Optional(Type.String()),
    reason: Reason,
    hold: Type.Optional(Type.Boolean({ description: 'learn nothing until somebody resumes' })),
  },
  Strict,
)
export type RollbackBody = Static<typeof RollbackBody>
export const PromoteBody = Type.Object({ version: Type.String(), reason: Reason }, Strict)
export type PromoteBody = Static<typeof PromoteBody>
export const MoveAnswer = Type.Object({
  live: Name,
  version: Name,
  digest: Type.String(),
  previous: Name,
  generation: Count,
})
