/** Schemas of versions: one and all of them, two compared, and those that are pinned. */
import { Type } from 'typebox'
import { Count, Name, Time, flag, integer, text } from './parts.ts'
import { Compute, Kl, LossGap, OffPolicy, Scores, Served, SliceGap, Sums } from './quality.ts'
import { nullable } from '../../platform/nullable.ts'

const Span = Type.Object({
  source: Type.String(),
  partition: Type.String(),
  from: text('empty: from its beginning'),
  to: Type.String(),
})

export const Version = Type.Object({
  version: Name,
  digest: Type.String(),
  parent: nullable(Type.String()),
  created: Time,
  events: Count,
  events_new: Count,
  steps: Count,
  memory: Type.Optional(integer('stored examples that vote along with the head')),
  scores: Scores,
  headline: Type.Optional(
    Type.Object(
      { name: Type.String(), value: Type.Number() },
      { description: 'as that of the model when it was made, where that is not its accuracy' },
    ),
  ),
  served: Type.Optional(Served),
  decision: Type.String(),
  reason: Type.String(),
  span: Type.Optional(
    Type.Array(Span, {
      description: 'the positions of its new events, of at most twenty partitions',
    }),
  ),
  learned_from: Type.Optional(
    Type.Object(
      {
        sources: Type.Array(Type.Object({ source: Type.String(), count: Count })),
        strata: Type.Array(
          Type.Unsafe<{ readonly count: number }>({
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
  kl: Type.Optional(Kl),
  slice_gap: Type.Optional(SliceGap),
  off_policy: Type.Optional(OffPolicy),
  sums: Type.Optional(Sums),
  shards: Type.Optional(
    Type.Array(
      Type.Object({ model: Name, version: Name, digest: Type.String(), span: Type.Array(Span) }),
      {
        description:
          'the versions that it was merged from, and what each shard has read since it began',
      },
    ),
  ),
  undone_by: Type.Optional(
    Type.Object(
      {
        generation: Count,
        by: Type.String(),
        actor: Type.Optional(Type.String()),
        to: Name,
        since: Time,
        reason: Type.String(),
      },
      { description: 'the rollback that took it back; absent: none did' },
    ),
  ),
  live: Type.Boolean(),
  removed: flag('its bytes were removed by keep'),
  pinned: flag('its bytes stay until it is unpinned'),
})

export const ComparisonAnswer = Type.Object({
  from: Name,
  to: Name,
  same: flag('both have the same files: they give the same answers'),
  differs: Type.Array(Type.String(), { description: 'fields of the manifest that differ' }),
  events: integer('learned in `to` minus those in `from`'),
  steps: Type.Integer(),
  scores: Type.Record(Type.String(), Type.Number(), {
    description: 'scores of `to` minus those of `from`',
  }),
})

export const PinsAnswer = Type.Object({
  pins: Type.Array(Name, { description: 'at most 100' }),
})

export const PinAnswer = Type.Object({
  version: Name,
  pinned: Type.Boolean(),
  pins: Type.Array(Name, { description: 'all pinned versions of the model' }),
})
