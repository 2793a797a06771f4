/** A model as its answers describe it. Schemas validate input, serialise output, and generate /openapi.json. */
import { Type, type Static } from 'typebox'
import type { Services } from '../../../serving/services/services.ts'
import { FaultAnswer } from '../../http/schemas.ts'
import { SourcesAnswer } from '../describe-sources.ts'
import { TrialAnswer } from '../describe-trial.ts'
import { LiveAnswer } from './moves.ts'
import { Compute, Drift, Kl, LossGap, Score, Scores, Served, SliceGap } from './quality.ts'
import { extended, partsOf } from './task.ts'
import { Count, Name, Time } from '../../schema-parts.ts'
import { nullable } from '../../../platform/nullable.ts'

export const FailedSwapAnswer = Type.Object(
  { version: Name, code: Type.String(), message: Type.String(), since: Time },
  { description: 'the version that the live pointer names, if it could not be loaded' },
)

export const TrainerAnswer = Type.Object({
  state: Type.String(),
  pid: Type.Optional(Count),
  restarts: Count,
  engine: Type.Optional(Type.String()),
  learning: Type.Optional(
    Type.Object(
      { step: Count, of: Count, seconds: Type.Optional(Count) },
      { description: 'the step of an update that is being made, and for how long' },
    ),
  ),
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
  headline: Type.Object(
    {
      name: Type.String(),
      meaning: Type.String(),
      better: Type.Enum(['higher', 'lower'], {
        description: 'higher: a share between 0 and 1; lower: an error or a loss',
      }),
      recent: nullable(Type.Number()),
      all: nullable(Type.Number({ description: 'since the model was created' })),
      baseline: Type.Optional(
        Type.Object(
          { name: Type.String(), recent: Type.Number() },
          { description: 'what an answer without a model would have reached' },
        ),
      ),
    },
    {
      description:
        'how good it is in one number: of examples, each answered before it was learned; null until one was scored',
    },
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
  lag_unknown: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'sources that cannot be read now: what waits in them is not known, and not part of lag',
    }),
  ),
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
  held_out: Type.Optional(
    Type.Object(
      { count: Count, accuracy: Score, loss: Type.Number() },
      {
        description:
          'how the live version answers examples that nothing trains on; absent: none is held out (evaluation.held_out) and answered',
      },
    ),
  ),
  served: Type.Optional(Served),
  trial: Type.Optional(TrialAnswer),
  compute: Type.Optional(Compute),
  loss_gap: Type.Optional(LossGap),
  kl: Type.Optional(Kl),
  slice_gap: Type.Optional(SliceGap),
  faults: Type.Optional(
    Type.Array(FaultAnswer, { description: 'problems while it keeps running; absent: none' }),
  ),
  warnings: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'what in the stream looks like a mistake, such as answers that differ only in case; absent: nothing',
    }),
  ),
  sources: Type.Optional(SourcesAnswer),
  counts: Type.Object({
    accepted: Count,
    duplicates: Count,
    learned: Count,
    rejected: Count,
    waiting: Count,
    set_aside: Type.Optional(
      Type.Integer({
        description:
          'accepted before a rollback; relearn or discard them. Also a newer signal of an event whose older one is still learned: receipts count that event as learned',
      }),
    ),
    quarantined: Type.Optional(
      Type.Integer({ description: 'kept back by the defence; release or drop them' }),
    ),
    unanswered: Type.Optional(
      Type.Integer({
        description: 'came before anything was learned that could answer: learned, and in no score',
      }),
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
  judged_by: Type.Optional(
    Type.Literal('untrusted majority', {
      description:
        'sources contradict each other, and none is trusted: scores say only how well the model follows most of them; absent otherwise',
    }),
  ),
})

const Brief = Type.Object(
  { accuracy_recent: Score, accuracy_recent_by_source: Score },
  {
    description:
      'of recent examples; absent until one was scored; more of it at /v1/models/{model}/quality',
  },
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
