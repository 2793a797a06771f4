/** A model as its answers describe it. Schemas validate input, serialise output, and generate /openapi.json. */
import { Type } from 'typebox'
import { LiveAnswer, TrialAnswer } from './moves.ts'
import { Compute, Drift, Kl, LossGap, Score, Scores, Served, SliceGap } from './quality.ts'
import { Count, Name, Time, integer, number, text } from './parts.ts'
import { nullable } from '../../platform/nullable.ts'

export const FaultAnswer = Type.Object({
  model: Name,
  part: Type.Optional(
    text('model, live, inbox, dead_letters, data_dir, source or copy; absent: the trainer'),
  ),
  state: Type.Optional(text('of the trainer')),
  source: Type.Optional(text('name of a failing source')),
  code: Type.Optional(text('stable; see the table of errors')),
  message: Type.Optional(Type.String()),
  fix: Type.Optional(Type.String()),
})

export const ResetAnswer = Type.Object({
  at: Time,
  partition: Type.String(),
  reason: Type.String(),
  from: text('position that was read up to'),
  to: text('position where reading continued'),
  missing: nullable(Count),
})

export const SourcesAnswer = Type.Record(
  Type.String(),
  Type.Object({
    records: Type.Integer({ minimum: 0, description: 'records read since the trainer started' }),
    lag: Count,
    resets: Type.Integer({
      minimum: 0,
      description: 'times that the content differed from what was read: a topic created again, …',
    }),
    missing: Type.Integer({
      minimum: 0,
      description: 'records known to be lost before they were read; there may be more',
    }),
    last_reset: Type.Optional(ResetAnswer),
    code: Type.Optional(text('while it fails; reading is retried automatically')),
    message: Type.Optional(Type.String()),
  }),
  { description: 'by name' },
)

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

const Files = Type.Optional(
  Type.Array(Type.String(), {
    description: 'its values are files of these media types, as base64 or as a data URL',
  }),
)

export const ReadKind = Type.Object({
  name: text('the key of its values below input'),
  summary: Type.String(),
  example: Type.Unknown({
    description: 'what may stand below the key, or of several keys the input',
  }),
  beside: Type.Optional(
    Type.Array(Type.String(), { description: 'further keys that an input has beside it' }),
  ),
  files: Files,
  long: Type.Optional(Type.Literal(true, { description: 'texts of many pages' })),
  fields: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        kind: text('number, category, boolean, or the kind of input below whose name it stands'),
        required: Type.Optional(Type.Literal(true)),
        files: Files,
      }),
      { description: 'what stands under each name, where a value has several fields' },
    ),
  ),
})

export const TakenSignal = Type.Object({
  name: Type.String(),
  summary: Type.String(),
  about: Type.Enum(['input', 'answer'], {
    description: 'input: it says what is right; answer: it judges what was served',
  }),
  words: Type.Record(Type.String(), Type.String(), {
    description:
      'the keys of an event that say it, all of them together, with the JSON type of each value; any: several',
  }),
})

export const Model = Type.Object({
  model: Name,
  base: Type.String(),
  method: Type.String(),
  task: text('what it answers, such as classification or regression'),
  reads: Type.Array(ReadKind, { description: 'the kinds of inputs that it takes' }),
  signals: Type.Array(TakenSignal, { description: 'the kinds of feedback that it learns from' }),
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
      all: nullable(number('since the model was created')),
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
  lag: integer('accepted events that the trainer has not read'),
  lag_unknown: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'sources that cannot be read now: what waits in them is not known, and not part of lag',
    }),
  ),
  pending: integer('events read and waiting for the next update'),
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
      integer(
        'accepted before a rollback; relearn or discard them. Also a newer signal of an event whose older one is still learned: receipts count that event as learned',
      ),
    ),
    quarantined: Type.Optional(integer('kept back by the defence; release or drop them')),
    unanswered: Type.Optional(
      integer('came before anything was learned that could answer: learned, and in no score'),
    ),
    held_out: Type.Optional(integer('kept for comparing versions, and never learned')),
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

export const Brief = Type.Object(
  { accuracy_recent: Score, accuracy_recent_by_source: Score },
  {
    description:
      'of recent examples; absent until one was scored; more of it at /v1/models/{model}/quality',
  },
)

/** A model as clients of the OpenAI API know it. */
export const listed = {
  id: text('as it was asked for: model, model@version or model@live'),
  object: Type.Literal('model'),
  created: integer('seconds since 1970 when the live version went live'),
  owned_by: Type.String(),
}
