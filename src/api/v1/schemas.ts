/** The schemas of requests and answers: they validate input, serialise output, and generate /openapi.json. */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task.ts'
import type { Services } from '../../serving/services/services.ts'
import type { Asked } from '../../versions/contract.ts'
import { FaultAnswer } from '../http/schemas.ts'
import { NDJSON_TYPES } from './body-types.ts'
import { SourcesAnswer } from './describe-sources.ts'
import { routedParts, TrialAnswer } from './describe-trial.ts'
import { Next } from './page.ts'
import { extended, partsOf } from './task-schemas.ts'
import { Count, Maybe, Name, Time } from '../schema-parts.ts'

const Score = Type.Number({ description: 'between 0 and 1' })
const Strict = { additionalProperties: false }

export const ModelParams = Type.Object({ model: Type.String() })
export type ModelParams = Static<typeof ModelParams>
export const VersionParams = Type.Object({ model: Type.String(), version: Type.String() })
export type VersionParams = Static<typeof VersionParams>
export const CompareParams = Type.Object({ ...VersionParams.properties, other: Type.String() })
export type CompareParams = Static<typeof CompareParams>

/** Loose on purpose: a wrong input is reported with its own code and place. */
export const InputValue = Type.Unsafe<Json>({
  description:
    'a text, {"text": …}, {"features": [numbers] | {name: value}} or, for a language model, {"messages": [{role, content}]}, as the base reads',
  examples: [
    ...['what a lovely phone', { text: 'what a lovely phone' }, { features: [0.5, 1] }],
    { messages: [{ role: 'user', content: 'Where is my parcel?' }] },
  ],
})

const Generate = Type.Object(
  {
    max_tokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'most tokens of a text; at most limits.answer_tokens',
      }),
    ),
    temperature: Type.Optional(
      Type.Number({ minimum: 0, maximum: 2, description: '0 = always the likeliest token' }),
    ),
    top_p: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'the share of probability that tokens are drawn from',
      }),
    ),
    seed: Type.Optional(
      Type.Integer({ description: 'the same seed gives the same text of the same version' }),
    ),
    stop: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        maxItems: 16,
        description: 'texts that end an answer, and are not in it',
      }),
    ),
  },
  {
    ...Strict,
    description:
      'how a model with task: generation writes; absent: as the settings of its task say',
  },
)

export function predictBody(mostInputs: number) {
  return Type.Object(
    {
      inputs: Type.Array(InputValue, { minItems: 1, maxItems: mostInputs }),
      version: Type.Optional(
        Type.String({ description: 'answer with this version instead of the live one' }),
      ),
      at: Type.Optional(
        Type.String({
          format: 'date-time',
          description: 'answer with the version that was live at this time',
        }),
      ),
      key: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 256,
          description:
            'of the user or session: the same key stays on the same side of a canary; also as x-antikythera-key',
        }),
      ),
      generate: Type.Optional(Generate),
    },
    Strict,
  )
}
export type PredictBody = Static<ReturnType<typeof predictBody>>

const Prediction = Type.Object({
  id: Type.String({ description: 'feedback may refer to it as prediction_id' }),
  truncated: Type.Optional(
    Type.Boolean({
      description: 'true: the text is longer than max_tokens and was truncated',
    }),
  ),
  tokens: Type.Optional(
    Type.Object(
      { kept: Count, dropped: Count },
      { description: 'of a truncated text, as the base counts them' },
    ),
  ),
  usage: Type.Optional(
    Type.Object(
      { prompt_tokens: Count, completion_tokens: Count },
      { description: 'of a text that was written, the token that ended it included' },
    ),
  ),
})

export function predictAnswer(services: Services) {
  return Type.Object({
    model: Name,
    version: Name,
    digest: Type.String(),
    generation: Type.Optional(
      Type.Integer({
        description: 'generation of the live pointer; absent for a version requested by name',
      }),
    ),
    arm: Type.Optional(
      Type.String({ description: 'canary: a version on trial has answered; absent: it has not' }),
    ),
    predictions: Type.Array(extended(Prediction, partsOf(services, 'answer'), 'id')),
  })
}

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
  retract: Type.Optional(
    Type.Boolean({
      description: 'retracts the event with this id, or without an id everything from the source',
    }),
  ),
  since: Type.Optional(Time),
  weight: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  slice: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      description: 'part of the population, such as a region: scores are shown for each',
    }),
  ),
  time: Type.Optional(Time),
})
const ndjson = { schema: Type.String({ description: 'one event per line' }) }

export function feedbackBody(services: Services) {
  const event = extended(FeedbackEvent, partsOf(services, 'event'), 'prediction_id')
  const events = Type.Object({ events: Type.Array(event) })
  return {
    content: {
      'application/json': { schema: Type.Union([event, events]) },
      ...Object.fromEntries(NDJSON_TYPES.slice(0, 1).map((type) => [type, ndjson])),
    },
  }
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

export const ReceiptAnswer = Type.Object({
  id: Type.String(),
  source: Type.String(),
  state: Type.Unsafe<string>({
    type: 'string',
    enum: [
      ...['received', 'waiting', 'learned', 'held_out', 'rejected', 'set_aside'],
      ...['quarantined', 'superseded', 'retracted', 'forgotten'],
    ],
    description:
      'received: durable, and not read by the trainer; held_out: kept for comparing versions, and never learned; set_aside: a rollback has undone it, or came before it was learned; superseded: a newer signal took its place',
  }),
  waiting_for: Type.Optional(
    Type.Union([Type.Literal('prediction'), Type.Literal('update')], {
      description: 'the prediction that it names, or the next update',
    }),
  ),
  version: Type.Optional(
    Type.String({ description: 'the version that learned it; of one set aside, that was undone' }),
  ),
  weight: Type.Optional(Type.Number()),
  slice: Type.Optional(Type.String()),
  time: Type.Optional(Time),
  code: Type.Optional(Type.String({ description: 'why it was rejected' })),
  message: Type.Optional(Type.String()),
  fix: Type.Optional(Type.String()),
  rollback: Type.Optional(
    Type.Object({
      to: Type.String({ description: 'the version that it went back to' }),
      since: Time,
      reason: Type.String(),
    }),
  ),
  details: Type.Optional(
    Type.String({ description: 'no longer kept: the event fell out of limits.event_log' }),
  ),
})

const Drift = Type.Object(
  { alarms: Count, last: Maybe(Type.String()) },
  { description: 'for a drift trigger: alarms since the model was created' },
)

const Compute = Type.Object(
  {
    cpu_seconds: Type.Number({ description: 'of updates, evaluation included' }),
    evaluation_cpu_seconds: Type.Number(),
    last_hour_cpu_seconds: Type.Optional(Type.Number()),
    budget_cpu_seconds_per_hour: Type.Optional(Type.Number()),
    room_at: Type.Optional(
      Type.String({ description: 'while the budget is spent: when the next update starts' }),
    ),
  },
  { description: 'CPU time of the trainer' },
)

const LossGap = Type.Object(
  {
    trained: Type.Number({ description: 'loss of replayed rows after the last updates' }),
    unseen: Type.Number({ description: 'loss of rows that no update had learned' }),
    gap: Type.Number(),
    from: Type.String({
      description: 'what is unseen: held-out, or prequential where nothing is held out',
    }),
    updates: Type.Integer({ description: 'in a row with a gap that is too large' }),
    warning: Type.Optional(Type.String({ description: 'after too many of them, and what to do' })),
  },
  { description: 'overfitting: how much better the model knows the examples it has learned' },
)

const SliceGap = Type.Object(
  {
    best: Type.String(),
    worst: Type.String(),
    points: Type.Number({ description: 'percentage points between their recent accuracies' }),
    low: Type.Number({ description: 'the lower bound of its interval: above 0 it is no chance' }),
    high: Type.Number(),
    slices: Type.Integer({ description: 'slices with enough examples' }),
  },
  {
    description:
      'the widest difference of accuracy between two slices; absent: not enough examples',
  },
)

/** What every task's report has. */
const Quality = Type.Object({
  model: Name,
  accuracy_recent_by_source: Type.Number({
    description: 'mean over sources, each with the same weight',
  }),
  sources: Type.Array(
    Type.Object({
      source: Type.String(),
      count: Count,
      accuracy: Score,
      accuracy_recent: Score,
    }),
    { description: 'most examples first, at most limits.quality_sources, then other' },
  ),
  slices: Type.Optional(
    Type.Array(
      Type.Object({
        slice: Type.String(),
        count: Count,
        accuracy: Score,
        accuracy_recent: Score,
      }),
      { description: 'parts of the population, at most limits.quality_slices, then other' },
    ),
  ),
  slice_gap: Type.Optional(SliceGap),
  drift: Maybe(Drift),
})

export function qualityAnswer(services: Services) {
  return extended(Quality, partsOf(services, 'quality'), 'model')
}

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

export const PinsAnswer = Type.Object({
  pins: Type.Array(Name, { description: 'at most limits.pins' }),
})

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

const ServedParts = Type.Array(
  Type.Object({ name: Type.String(), count: Count, error: Type.Number() }),
)

/** Scores of a version from the answers it really served. */
const Served = Type.Object(
  {
    count: Type.Integer({ description: 'answers that feedback judged' }),
    error: Type.Number({ description: '0 = all right, 1 = all wrong; for numbers the distance' }),
    parts: Type.Optional(
      Type.Object(
        {
          ...{ strata: ServedParts, slices: ServedParts, sources: ServedParts },
          confusion: Type.Array(
            Type.Object({ said: Type.String(), right: Type.String(), count: Count }),
            { description: 'what was answered, and what was right; a classification' },
          ),
          slice_gap: Type.Optional(SliceGap),
        },
        { description: 'most answers first; of the versions judged last' },
      ),
    ),
  },
  { description: 'of the answers it served; absent: none is judged, or another daemon trains it' },
)

const Model = Type.Object({
  model: Name,
  base: Type.String(),
  method: Type.String(),
  task: Type.String({ description: 'what it answers, such as classification or regression' }),
  score: Type.Object(
    { name: Type.String(), meaning: Type.String() },
    { description: 'what `accuracy` measures for this task' },
  ),
  live: Maybe(LiveAnswer),
  failed_swap: Type.Optional(FailedSwapAnswer),
  answers: Type.Optional(
    Type.Object(
      { version: Name, count: Count, failed: Count },
      {
        description:
          'requests that the live version answered here, and failed to answer; absent: no policy watches',
      },
    ),
  ),
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
  served: Type.Optional(Served),
  trial: Type.Optional(TrialAnswer),
  compute: Type.Optional(Compute),
  loss_gap: Type.Optional(LossGap),
  slice_gap: Type.Optional(SliceGap),
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
    quarantined: Type.Optional(
      Type.Integer({ description: 'kept back by the defence; release or drop them' }),
    ),
    held_out: Type.Optional(
      Type.Integer({ description: 'kept for comparing versions, and never learned' }),
    ),
  }),
  receipts: Type.Optional(
    Type.Record(Type.String(), Count, {
      description:
        'events by what has become of them, each in one state; older: fell out of limits.event_log',
    }),
  ),
  prequential: Scores,
})
const Brief = Type.Object(
  { accuracy_recent: Score, accuracy_recent_by_source: Score },
  { description: 'of recent examples; more of it at /v1/models/{model}/quality' },
)

export type ModelAnswer = Static<typeof Model>

/** A model as clients of the OpenAI API know it. */
const listed = {
  id: Type.String({ description: 'as it was asked for: model, model@version or model@live' }),
  object: Type.Literal('model'),
  created: Type.Integer({ description: 'seconds since 1970 when the live version went live' }),
  owned_by: Type.String(),
}

/** One model alone says that too. */
export function oneModelAnswer(services: Services) {
  const also = { properties: listed, required: Object.keys(listed) }
  return extended(modelAnswer(services) as unknown as typeof Model, [also], 'model')
}

export function modelAnswer(services: Services) {
  const quality = Type.Optional(extended(Brief, partsOf(services, 'brief')))
  const model = extended(Model, partsOf(services, 'facts'), 'task')
  return extended(model as unknown as typeof Model, [{ properties: { quality } }], 'drift')
}

export function modelsAnswer(services: Services) {
  return Type.Object({
    models: Type.Array(modelAnswer(services)),
    object: Type.String({ description: 'list: with data, what clients of the OpenAI API read' }),
    data: Type.Array(Type.Object(listed)),
  })
}

const Version = Type.Object({
  version: Name,
  digest: Type.String(),
  parent: Maybe(Type.String()),
  created: Time,
  events: Count,
  events_new: Count,
  steps: Count,
  memory: Type.Optional(
    Type.Integer({ description: 'stored examples that vote along with the head' }),
  ),
  scores: Scores,
  served: Type.Optional(Served),
  decision: Type.String(),
  reason: Type.String(),
  learned_from: Type.Optional(
    Type.Object(
      {
        sources: Type.Array(Type.Object({ source: Type.String(), count: Count })),
        strata: Type.Array(
          Type.Unsafe<Fields & { readonly count: number }>({
            description: 'a count, and what names the stratum',
          }),
        ),
      },
      { description: 'its new events, the largest counts first, at most twenty of each' },
    ),
  ),
  verdicts: Type.Optional(
    Type.Array(
      Type.Object({ policy: Type.String(), verdict: Type.String(), reason: Type.String() }),
      { description: 'what each promotion policy said of it' },
    ),
  ),
  compute: Type.Optional(Compute),
  trace: Type.Optional(
    Type.Object(
      { traceparent: Type.String(), links: Type.Array(Type.String()) },
      {
        description:
          'the span that published it, and those that sent the events it has learned (W3C Trace Context)',
      },
    ),
  ),
  loss_gap: Type.Optional(LossGap),
  slice_gap: Type.Optional(SliceGap),
  live: Type.Boolean(),
  removed: Type.Boolean({ description: 'its bytes were removed by keep' }),
  pinned: Type.Boolean({ description: 'its bytes stay until it is unpinned' }),
})

export type VersionAnswer = Static<typeof Version>

export function versionAnswer(services: Services) {
  return extended(Version, partsOf(services, 'facts'), 'steps')
}

export function versionsAnswer(services: Services) {
  return Type.Object({ versions: Type.Array(versionAnswer(services)), next: Next })
}

export const ComparisonAnswer = Type.Object({
  from: Name,
  to: Name,
  same: Type.Boolean({ description: 'both have the same files: they give the same answers' }),
  differs: Type.Array(Type.String(), { description: 'fields of the manifest that differ' }),
  events: Type.Integer({ description: 'learned in `to` minus those in `from`' }),
  steps: Type.Integer(),
  scores: Type.Record(Type.String(), Type.Number(), {
    description: 'scores of `to` minus those of `from`',
  }),
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
export const PromoteBody = Type.Object({ version: Type.String(), reason: Reason }, Strict)
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
  },
  Strict,
)
export type CanaryBody = Static<typeof CanaryBody>
export const ShadowBody = Type.Object({ version: Type.String(), reason: Reason }, Strict)
export type ShadowBody = Static<typeof ShadowBody>
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
