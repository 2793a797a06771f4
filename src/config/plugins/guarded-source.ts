/**
 * A source of a user's own as the trainer reads it: any error that it throws becomes a coded one, so that a fault of one
 * source is shown with its name and tried again, and stops nothing else. `retriable: false` on an error means that the
 * source is opened again later, as for a coded one.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Source } from '../../contracts/source.ts'

export function guardedSource(source: Source): Source {
  const within = async <Result>(work: () => Promise<Result>, signal?: AbortSignal) => {
    try {
      return await work()
    } catch (cause) {
      if (cause instanceof CodedError || signal?.aborted === true) throw cause
      throw coded(source.name, cause)
    }
  }
  const { journal } = source
  const stats = source.stats?.bind(source)
  const locate = source.locate?.bind(source)
  return {
    name: source.name,
    ...(journal !== undefined && { journal }),
    open: async (from, signal) => within(async () => source.open(from, signal), signal),
    read: async (limits, signal) => within(async () => source.read(limits, signal), signal),
    commit: async (positions) => within(async () => source.commit(positions)),
    lag: async () => within(async () => source.lag()),
    ...(stats && { stats }),
    ...(locate && {
      locate: async (to, from, signal) => within(async () => locate(to, from, signal), signal),
    }),
    close: async () => within(async () => source.close()),
  }
}

function coded(name: string, cause: unknown): CodedError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const isFinal =
    typeof cause === 'object' && cause !== null && 'retriable' in cause && cause.retriable === false
  return new CodedError('SOURCE_FAILED', `${name}: ${why}`, { retriable: !isFinal, cause })
}
