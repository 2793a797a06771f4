/** Schemas of what is measured of a model and its versions: scores, what they served, drift, overfitting, compute. */
import { Type } from 'typebox'
import { Count, Name, integer, number, text } from './parts.ts'
import { nullable } from '../../platform/nullable.ts'

export const Score = number('between 0 and 1')

export const Drift = Type.Object(
  { alarms: Count, last: nullable(Type.String()) },
  { description: 'for a drift trigger: alarms since the model was created' },
)

export const Compute = Type.Object(
  {
    cpu_seconds: number('of updates, evaluation included'),
    evaluation_cpu_seconds: Type.Number(),
    last_hour_cpu_seconds: Type.Optional(Type.Number()),
    budget_cpu_seconds_per_hour: Type.Optional(Type.Number()),
    room_at: Type.Optional(text('while the budget is spent: when the next update starts')),
  },
  { description: 'CPU time of the trainer' },
)

export const LossGap = Type.Object(
  {
    trained: number('loss of replayed rows after the last updates'),
    unseen: number('loss of rows that no update had learned'),
    gap: Type.Number(),
    from: text('what is unseen: held-out, or prequential where nothing is held out'),
    updates: integer('in a row with a gap that is too large'),
    warning: Type.Optional(text('after too many of them, and what to do')),
  },
  { description: 'overfitting: how much better the model knows the examples it has learned' },
)

export const Kl = Type.Object(
  {
    per_token: number('KL of the next token to that of the base, the mean over answers, in nats'),
    rows: Type.Integer(),
    from: text('which rows: held-out, replay or new'),
  },
  { description: 'how far the texts are from those of the base; absent: answers are no texts' },
)

const Estimate = Type.Object(
  { value: Type.Number(), low: Type.Number(), high: Type.Number() },
  { description: 'with bounds of 95 % together, which hold however often one looks' },
)

const Value = Type.Object({
  choices: integer('first places of held-out answers that it is estimated from'),
  ips: Estimate,
  snips: Type.Number(),
  dr: Estimate,
  uncovered: number('share of its choices that the log could not have made'),
})

export const OffPolicy = Type.Object(
  {
    logged: number('mean reward of the held-out choices themselves, from 0 to 1 as all here'),
    candidate: Value,
    live: Type.Optional(Value),
    harm: Type.Optional(
      number('the least that the live version earns more; below 0: no harm is shown'),
    ),
  },
  {
    description:
      'what the version would have earned when it was made, beside the live one: inverse propensities (ips, snips), doubly robust (dr); absent: it ranks nothing, or nothing is held out (evaluation.held_out)',
  },
)

export const Sums = Type.Object(
  {
    digest: Type.Optional(
      text(
        'sha256 over the sums: equal whatever the order of the events; absent: an earlier release began them',
      ),
    ),
    identity: text('what the sums are over: base, method and projection'),
    examples: integer('examples in them'),
    divided: integer('examples that only rule out an answer: their shares depend on the order'),
    clipped: number('the part of the numbers that was beyond the range of the sums'),
    scale: number('the factor on the logits, which changes no answer'),
  },
  { description: 'the exact sums that the head was solved from; absent: it has none' },
)

/** What each source has taught: the sums without it are those of a run that never saw it. */
export const SourceWorths = Type.Object({
  model: Name,
  version: text('the version whose sums these are'),
  digest: text('sha256 over these sums'),
  examples: integer('examples in them'),
  from: text('golden or held-out: what the rows are that are scored'),
  rows: Count,
  sources: Type.Array(
    Type.Object({
      source: Type.Optional(text('absent: all the smaller ones together')),
      examples: integer('of it in the sums'),
      digest: text('sha256 over the sums without it'),
      rows: integer('rows that it did not bring: both scores are of these'),
      accuracy: Score,
      accuracy_without: Score,
      worth: number('accuracy minus accuracy_without: below 0 the model is better without it'),
      loss: Type.Number(),
      loss_without: Type.Number(),
      agreement: Type.Optional(
        number(
          'how often the model without it answers what it said; absent: no other source has taught its labels',
        ),
      ),
    }),
    {
      description:
        'by the sum of agreement and worth, the worst last; at most the 100 largest, and the others together',
    },
  ),
})

export const SliceGap = Type.Object(
  {
    best: Type.String(),
    worst: Type.String(),
    points: number('percentage points between their recent accuracies'),
    low: number('the lower bound of its interval: above 0 it is no chance'),
    high: Type.Number(),
    slices: integer('slices with enough examples'),
  },
  {
    description:
      'the widest difference of accuracy between two slices; absent: not enough examples',
  },
)

/** The fields that every task's report has. */
export const Quality = Type.Object({
  model: Name,
  accuracy_recent_by_source: number(
    'mean over sources with at least 20 examples, each with the same weight; over all where none has as many',
  ),
  sources: Type.Array(
    Type.Object({
      source: Type.String(),
      count: Count,
      accuracy: Score,
      accuracy_recent: Score,
    }),
    { description: 'most examples first, at most 32, then other' },
  ),
  slices: Type.Optional(
    Type.Array(
      Type.Object({
        slice: Type.String(),
        count: Count,
        accuracy: Score,
        accuracy_recent: Score,
      }),
      { description: 'parts of the population, at most 32, then other' },
    ),
  ),
  slice_gap: Type.Optional(SliceGap),
  drift: nullable(Drift),
})

export const Scores = Type.Object({
  count: Count,
  accuracy: Score,
  accuracy_recent: Score,
  loss: Type.Number(),
})

const ServedParts = Type.Array(
  Type.Object({ name: Type.String(), count: Count, error: Type.Number() }),
)

/** Scores of a version from the answers it really served. */
export const Served = Type.Object(
  {
    count: integer('answers that feedback judged'),
    error: number('0 = all right, 1 = all wrong; for numbers the distance'),
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
