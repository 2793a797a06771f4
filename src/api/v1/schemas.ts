/** The schemas of requests and answers: they validate input, serialise output, and generate /openapi.json. */
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

/** Loose on purpose: a wrong input is reported with its own code and place. */
export const InputValue = Type.Unsafe<Json>({
  description: 'a text, {"text": …} or {"features": [numbers] | {name: value}}, as the base reads',
  examples: ['what a lovely phone', { text: 'what a lovely phone' }, { features: [0.5, 1] }],
})

export function predictBody(mostInputs: number) {
  return Type.Object(
    {
      inputs: Type.Array(InputValue, { minItems: 1, maxItems: mostInputs }),
      version: Type.Optional(
        Type.String({ description: 'answer with this version instead of the live one' }),
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
    Type.Integer({
      description: 'generation of the live pointer; absent for a version requested by name',
    }),
  ),
  predictions: Type.Array(
    Type.Object({
      id: Type.String({ description: 'feedback may refer to it as prediction_id' }),
      label: Maybe(Type.String({ description: 'null while the model has no label: see code' })),
      score: Score,
      scores: Shares,
      code: Type.Optional(Type.String({ description: 'NO_LABELS: why there is no label' })),
      message: Type.Optional(Type.String()),
      truncated: Type.Optional(
        Type.Boolean({
          description: 'true: the text is longer than max_tokens and was truncated',
        }),
      ),
      tokens: Type.Optional(
        Type.Object(
          { kept: Count, dropped: Count },
          { description: "for a truncated text, in the base's tokens" },
        ),
      ),
    }),
  ),
})

/** Only for the description: `intake` validates events, each with its own code. */
const FeedbackEvent = Type.Object({
  id: Type.Optional(
    Type.String({
      description:
        'with source the identity, learned at most once among the last limits.seen_events; made from the content if absent',
    }),
  ),
  source: Type.Optional(Type.String()),
  input: Type.Optional(InputValue),
  prediction_id: Type.Optional(
    Type.String({ description: 'instead of input: the prediction to join' }),
  ),
  label: Type.Optional(Type.String({ description: 'or correction, rating or retract' })),
  correction: Type.Optional(Type.String()),
  rating: Type.Optional(Type.Integer({ description: '1 or -1, about the prediction' })),
  retract: Type.Optional(
    Type.Boolean({
      description: 'retracts the event with this id, or without an id everything from the source',
    }),
  ),
  since: Type.Optional(Time),
  weight: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  time: Type.Optional(Time),
})
const FeedbackEvents = Type.Object({ events: Type.Array(FeedbackEvent) })
const ndjson = { schema: Type.String({ description: 'one event per line' }) }

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
      description:
        'how many of the accepted ones were retracted before they came, and will be refused when read',
    }),
  ),
  position: Type.Optional(
    Type.String({
      description: 'position of the last event: pass it as wait_for to predict and to the model',
    }),
  ),
  pending: Type.Optional(
    Type.Integer({ description: 'events waiting for the next update, including these' }),
  ),
  trigger_every: Type.Optional(
    Type.Integer({ description: 'pending events that start an update' }),
  ),
  trigger_rest_ms: Type.Optional(
    Type.Integer({
      description: 'idle time after which fewer pending events start an update; 0 = never',
    }),
  ),
})

const Drift = Type.Object(
  { alarms: Count, last: Maybe(Type.String()) },
  { description: 'for a drift trigger: alarms since the model was created' },
)

const Share = Maybe(Type.Number({ description: 'null if there are no examples' }))
const Baseline = Type.Object({
  label: Maybe(Type.String({ description: 'its present answer' })),
  accuracy: Score,
  accuracy_recent: Score,
})
/** The schema of the contract's QualityReport. */
export const QualityAnswer = Type.Object({
  model: Name,
  events: Type.Integer({
    description: 'examples with a label, each answered before it was learned',
  }),
  accuracy: Score,
  accuracy_recent: Score,
  accuracy_recent_by_source: Type.Number({
    description: 'mean over sources, each with the same weight',
  }),
  baselines: Type.Object(
    { majority: Baseline, last_label: Baseline },
    { description: 'always answering the most frequent label so far, or the last one' },
  ),
  window_events: Type.Integer({
    description: 'number of recent examples for calibration, labels and confusion: at most 10,000',
  }),
  calibration: Type.Object({
    ece: Type.Number({ description: 'expected calibration error: 0 = scores are probabilities' }),
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
    { description: 'most frequent first, at most limits.quality_labels' },
  ),
  other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
  confusion: Type.Object(
    { labels: Type.Array(Type.String()), counts: Type.Array(Type.Array(Type.Integer())) },
    {
      description: 'rows: right label; columns: answer; the last of each: all other labels',
    },
  ),
  sources: Type.Array(
    Type.Object({
      source: Type.String(),
      count: Count,
      accuracy: Score,
      accuracy_recent: Score,
    }),
    { description: 'most examples first, at most limits.quality_sources, then other' },
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
  by: Type.String({ description: 'what moved the pointer: start, trainer, rollback or promote' }),
  reason: Type.String({ description: 'reason for the move' }),
})

export const HistoryAnswer = Type.Object({ moves: Type.Array(LiveAnswer), next: Next })

export const PinAnswer = Type.Object({
  version: Name,
  pinned: Type.Boolean(),
  pins: Type.Array(Name, { description: 'all pinned versions of the model' }),
})

export const FailedSwapAnswer = Type.Object(
  { version: Name, code: Type.String(), message: Type.String(), since: Time },
  { description: 'the version that the live pointer names, if it could not be loaded' },
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
  labels: Type.Array(Type.String(), { description: 'labels that it answers' }),
  retired: Type.Optional(
    Type.Array(Type.String(), {
      description: 'retired labels, which it knows and does not answer',
    }),
  ),
  live: Maybe(LiveAnswer),
  failed_swap: Type.Optional(FailedSwapAnswer),
  trainer: TrainerAnswer,
  lag: Type.Integer({ description: 'accepted events that the trainer has not read' }),
  pending: Type.Integer({ description: 'events read and waiting for the next update' }),
  progress: Type.Optional(
    Type.Object(
      { rate: Count, eta_seconds: Count },
      {
        description:
          'for a backlog: records per second, and seconds until it is read if no more arrive',
      },
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
      { description: 'of recent examples; details at /v1/models/{model}/quality' },
    ),
  ),
  faults: Type.Optional(
    Type.Array(FaultAnswer, { description: 'problems while it keeps running; absent: none' }),
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
  labels: Type.Array(Type.String(), { description: 'labels that it answers' }),
  retired: Type.Optional(
    Type.Array(Type.String(), {
      description: 'retired labels, which it knows and does not answer',
    }),
  ),
  memory: Type.Optional(
    Type.Integer({ description: 'stored examples that vote along with the head' }),
  ),
  scores: Scores,
  decision: Type.String(),
  reason: Type.String(),
  live: Type.Boolean(),
  removed: Type.Boolean({ description: 'its bytes were removed by keep' }),
  pinned: Type.Boolean({ description: 'its bytes stay until it is unpinned' }),
})

export const VersionsAnswer = Type.Object({
  versions: Type.Array(VersionAnswer),
  next: Next,
})

const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'recorded in the history',
})
export const RollbackBody = Type.Object(
  {
    to: Type.Optional(Type.String()),
    reason: Reason,
    hold: Type.Optional(Type.Boolean({ description: 'learn nothing until resumed' })),
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
