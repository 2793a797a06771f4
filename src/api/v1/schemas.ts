/**
 * The schemas of requests and answers, here those of predictions, feedback and models: they validate input, serialise
 * output, and generate /openapi.json.
 */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Services } from '../../serving/services/services.ts'
import { FaultAnswer } from '../http/schemas.ts'
import { NDJSON_TYPES } from './body-types.ts'
import { SourcesAnswer } from './describe-sources.ts'
import { TrialAnswer } from './describe-trial.ts'
import { LiveAnswer } from './move-schemas.ts'
import { Compute, Drift, Kl, LossGap, Score, Scores, Served, SliceGap } from './quality-schemas.ts'
import { extended, partsOf } from './task-schemas.ts'
import { Count, Name, Time } from '../schema-parts.ts'
import { nullable } from '../../platform/nullable.ts'

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
      description:
        'true: the text is longer than max_tokens and was truncated, or the prompt lost its oldest turns',
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
    Type.Unsafe<'prediction' | 'update'>({
      type: 'string',
      enum: ['prediction', 'update'],
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

const Model = Type.Object({
  model: Name,
  base: Type.String(),
  method: Type.String(),
  task: Type.String({ description: 'what it answers, such as classification or regression' }),
  score: Type.Object(
    { name: Type.String(), meaning: Type.String() },
    { description: 'what `accuracy` measures for this task' },
  ),
  live: nullable(LiveAnswer),
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
  kl: Type.Optional(Kl),
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
