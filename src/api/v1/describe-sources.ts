/** The trainer's report about each source of a model, for /v1/models. */
import type { Answer } from '../../client/schemas/parts.ts'
import type { ResetAnswer, SourcesAnswer } from '../../client/schemas/models.ts'
import type { SourceReset } from '../../contracts/source.ts'
import type { TrainerReport } from '../../serving/services/served-model.ts'

export function describeSources(
  sources: NonNullable<TrainerReport['sources']>,
): Answer<typeof SourcesAnswer> {
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

function describeReset({ timeMs, missing, ...reset }: SourceReset): Answer<typeof ResetAnswer> {
  return { at: new Date(timeMs).toISOString(), ...reset, missing: missing ?? null }
}
