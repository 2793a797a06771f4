/** The schemas of events set aside by rollbacks, and of the commands to a trainer. */
import { Type, type Static } from 'typebox'
import type { Fields } from '../../../contracts/task-view.ts'
import { failure } from '../../../platform/errors.ts'
import type { Selection as Selected } from '../../../versions/contract.ts'
import type { Services } from '../../../serving/services/services.ts'
import { Next } from '../page.ts'
import { extended, partsOf } from './task.ts'
import { Count, Time } from '../../schema-parts.ts'

const Strict = { additionalProperties: false }
const Reason = Type.Optional(
  Type.String({ minLength: 1, maxLength: 1000, description: 'recorded in the history' }),
)

const Aside = Type.Object({
  source: Type.String(),
  id: Type.String(),
  time: Type.Optional(Time),
  was: Type.String({
    description: 'where it was at the rollback: undone, pending, waiting or unread',
  }),
  relearning: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
})

const Quarantined = Type.Object({
  source: Type.String(),
  id: Type.String(),
  time: Type.Optional(Time),
  why: Type.String({
    description: 'why it is kept back: outlier, hostile, over-share or over-daily',
  }),
  releasing: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
})

export function setAsideAnswer(services: Services) {
  return Type.Object({
    count: Type.Integer({ description: 'set aside now' }),
    set_aside: Type.Array(extended(Aside, partsOf(services, 'stratum'), 'id')),
    next: Next,
  })
}

export function quarantineAnswer(services: Services) {
  return Type.Object({
    count: Type.Integer({ description: 'in quarantine now' }),
    quarantine: Type.Array(extended(Quarantined, partsOf(services, 'stratum'), 'id')),
    distrusted: Type.Array(
      Type.Object({
        source: Type.String(),
        trust: Type.Number({ description: 'what its examples weigh: 0 = nothing, 1 = all' }),
      }),
      { description: 'sources that the others contradict' },
    ),
    next: Next,
  })
}

/** Selects the events: all that it does not exclude. */
const Selection = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    since: Type.Optional(Time),
    from: Type.Optional(
      Type.String({
        pattern: '^v[0-9]{1,15}(-[a-z0-9.-]{1,40})?$',
        description: 'only what rollbacks to this version, or to a later one, have set aside',
      }),
    ),
    reason: Reason,
  },
  Strict,
)
export type SelectionBody = Static<typeof Selection> & Fields

export function selectionBody(services: Services) {
  return extended(Selection, partsOf(services, 'stratum'), 'source')
}

export const SelectedAnswer = Type.Object({
  events: Type.Integer({ description: 'number of events selected when the command was given' }),
  generation: Count,
})

export const PauseBody = Type.Object({ reason: Reason }, Strict)
export type PauseBody = Static<typeof PauseBody>
export const PauseAnswer = Type.Object({ paused: Type.Boolean(), generation: Count })

/** Strings, by the schema. */
export function selectionOf({ since, ...of }: Omit<SelectionBody, 'reason'>): Selected {
  if (typeof since !== 'string') return of
  const sinceMs = Date.parse(since)
  if (Number.isNaN(sinceMs)) throw failure('REQUEST_INVALID', `since: ${since} is not a time`)
  return { ...of, sinceMs }
}
