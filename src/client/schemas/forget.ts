/** Forgetting events for good, and the certificates of it. */
import { Type, type Static } from 'typebox'
import { Count, PageQuery, Reason, Time, flag, integer, text } from './parts.ts'

/** What clients show of a certificate; it has more. */
export interface Certificate {
  readonly request: string
  /** Of the live pointer when it was made. */
  readonly generation?: number
  readonly asked: Readonly<Record<string, string>>
  readonly reason?: string
  readonly by?: string
  readonly completed_at?: string
  readonly erased: Readonly<Record<string, number>>
  readonly learned_again: number
  /** Examples that exact sums lost by subtraction: nothing was learned again. */
  readonly subtracted?: number
  readonly events_lost?: number
  readonly versions: {
    readonly retired: readonly string[]
    readonly unpinned?: readonly string[]
    readonly answered_meanwhile?: string
    readonly rebuilt?: { readonly version: string; readonly digest: string }
  }
  readonly not_erased: readonly {
    readonly what: string
    readonly why: string
    readonly before?: Readonly<Record<string, string>>
  }[]
}

export const ForgetBody = Type.Object(
  {
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    before: Type.Optional(Time),
    keep_serving: Type.Optional(
      flag('answer with the present versions until the others are rebuilt; default false'),
    ),
    dry_run: Type.Optional(flag('say what it would do, and do nothing; default false')),
    reason: Type.Optional(Reason),
  },
  { additionalProperties: false },
)
export type ForgetBody = Static<typeof ForgetBody>

export const ForgetParams = Type.Object({
  model: Type.String(),
  request: Type.String({ maxLength: 64 }),
})
export type ForgetParams = Static<typeof ForgetParams>

export const ForgetRequest = Type.Object({
  request: text('names the request and its certificate'),
  state: text('asked, rebuilding or done'),
  reason: Type.Optional(Type.String()),
  blocked: Type.Optional(
    Type.Object(
      { code: Type.String(), message: Type.String(), fix: Type.String() },
      { description: 'the trainer has failed: the request goes on once that is fixed' },
    ),
  ),
  waiting_for: Type.Optional(
    Type.Unsafe<'resume' | 'budget'>({
      type: 'string',
      enum: ['resume', 'budget'],
      description: 'learning is paused, or the budget of the hour is spent',
    }),
  ),
  from: Type.Optional(text('the version that the rest is learned again from')),
  unpinned: Type.Optional(
    Type.Array(Type.String(), { description: 'versions that lose their bytes though pinned' }),
  ),
  answers_meanwhile: Type.Optional(
    text('the version that answers until the rest is learned again'),
  ),
  events: Type.Optional(integer('events that were forgotten')),
  learned_again: Type.Optional(integer('events to learn again')),
  left: Type.Optional(integer('of these, the ones still to come')),
  beyond_event_log: Type.Optional(
    flag('events had fallen out of the event log: a fresh adapter learns what it still has'),
  ),
  events_lost: Type.Optional(integer('then: events that are not learned again')),
  certificate: Type.Optional(
    Type.Unsafe<Certificate>({
      type: 'object',
      additionalProperties: true,
      description: 'what was asked, what went, what was rebuilt, what could not be erased and why',
    }),
  ),
})

export const ForgetForecast = Type.Object({
  dry_run: Type.Literal(true),
  erased: Type.Record(Type.String(), Count, { description: 'what would go, by place' }),
  learned: flag('something has learned from them; otherwise no version changes'),
  from: Type.Optional(text('the version to rebuild from; absent: a fresh adapter')),
  has_state: flag('optimizer and replay of that version are kept; otherwise they begin empty'),
  learned_again: integer('events to learn again'),
  subtracted: Type.Optional(
    integer('examples to subtract from exact sums, so that nothing is learned again'),
  ),
  events_lost: integer(
    'events that have fallen out of the event log and would not be learned again',
  ),
  retired: Type.Array(Type.String(), { description: 'versions that would lose their bytes' }),
  unpinned: Type.Optional(
    Type.Array(Type.String(), { description: 'of these, the ones that are pinned' }),
  ),
  answers_meanwhile: Type.Optional(
    text(
      'the version that would answer until the rest is learned again; absent: a new one, without what is forgotten',
    ),
  ),
})

export const ForgetQuery = Type.Pick(PageQuery, ['limit'])
export type ForgetQuery = Static<typeof ForgetQuery>

export const ForgetAccepted = Type.Object({ request: Type.String(), generation: Count })
export const ForgetRequests = Type.Object({ requests: Type.Array(ForgetRequest) })
