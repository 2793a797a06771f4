/** The trainer's report about each source of a model, for /v1/models. */
import { Type, type Static } from 'typebox'
import type { SourceReset } from '../../contracts/source.ts'
import { Count, Time } from '../schema-parts.ts'
import type { TrainerReport } from '../../serving/services/served-model.ts'
import { nullable } from '../../platform/nullable.ts'

const ResetAnswer = Type.Object({
  at: Time,
  partition: Type.String(),
  reason: Type.String(),
  from: Type.String({ description: 'position that was read up to' }),
  to: Type.String({ description: 'position where reading continued' }),
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
    code: Type.Optional(
      Type.String({ description: 'while it fails; reading is retried automatically' }),
    ),
    message: Type.Optional(Type.String()),
  }),
  { description: 'by name' },
)

export function describeSources(
  sources: NonNullable<TrainerReport['sources']>,
): Static<typeof SourcesAnswer> {
  const entries = Object.entries(sources).map(([name, source]) => {
    const { records, lag, resets = 0, missing = 0, lastReset, code, message } = source
    const last = lastReset && { last_reset: describeReset(lastReset) }
    const failing = {
      ...(code !== undefined && { code }),
      ...(message !== undefined && { message }),
    }
    return [name, { records, lag, resets, missing, ...last, ...failing }] as const
  })
  return Object.fromEntries(entries)
}

function describeReset({ timeMs, missing, ...reset }: SourceReset): Static<typeof ResetAnswer> {
  return { at: new Date(timeMs).toISOString(), ...reset, missing: missing ?? null }
}
