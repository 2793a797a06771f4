/** Feedback, what it is answered with, and the receipt of one event. */
import { Type } from 'typebox'
import { Count, Time, flag, integer, text } from './parts.ts'

/** Only for the description: `intake` validates events, each with its own code. */
export const FeedbackEvent = Type.Object({
  id: Type.Optional(
    text(
      'with source the identity, learned at most once among the last limits.seen_events; made from the content if absent',
    ),
  ),
  source: Type.Optional(Type.String()),
  prediction_id: Type.Optional(text('instead of input: the prediction to join')),
  retract: Type.Optional(
    flag('retracts the event with this id, or without an id everything from the source'),
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

/** One event of a body that was refused, or one row. */
export const Rejected = Type.Object({
  index: Count,
  code: Type.String(),
  message: Type.String(),
  fix: Type.Optional(text('what to do about it')),
})

export const FeedbackAnswer = Type.Object({
  accepted: Count,
  duplicates: Count,
  rejected: Type.Array(Rejected),
  ids: Type.Optional(
    Type.Array(Type.Object({ index: Count, id: Type.String() }), {
      description: 'of events that named none: GET …/feedback/{id} has their receipts',
    }),
  ),
  retracted: Type.Optional(
    integer(
      'how many of the accepted ones were retracted before they came, and will be refused when read',
    ),
  ),
  receipts: Type.Optional(
    Type.Array(
      Type.Object({
        ...{ index: Count, status: Type.String(), code: Type.String(), fix: Type.String() },
      }),
      { description: 'of those: their receipts, as they will be' },
    ),
  ),
  status: Type.Optional(text('of a single event that was retracted before it came: retracted')),
  position: Type.Optional(
    text('position of the last event: pass it as wait_for to predict and to the model'),
  ),
  pending: Type.Optional(integer('events waiting for the next update, including these')),
  trigger_every: Type.Optional(integer('pending events that start an update')),
  trigger_rest_ms: Type.Optional(
    integer('idle time after which fewer pending events start an update; 0 = never'),
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
  remembered: Type.Optional(flag('memory answers from it already, while it waits for an update')),
  version: Type.Optional(text('the version that learned it; of one set aside, that was undone')),
  weight: Type.Optional(Type.Number()),
  slice: Type.Optional(Type.String()),
  time: Type.Optional(Time),
  why: Type.Optional(text('why it is in quarantine: outlier, hostile, over-share or over-daily')),
  code: Type.Optional(text('why it was rejected')),
  message: Type.Optional(Type.String()),
  fix: Type.Optional(Type.String()),
  rollback: Type.Optional(
    Type.Object({
      to: text('the version that it went back to'),
      since: Time,
      reason: Type.String(),
    }),
  ),
  details: Type.Optional(text('no longer kept: the event fell out of limits.event_log')),
})
