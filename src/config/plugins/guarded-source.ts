/**
 * A source of a user's own as the trainer reads it: any error that it throws becomes a coded one, so that a fault of one
 * source is shown with its name and tried again, and stops nothing else. `retriable: false` on an error means that the
 * source is opened again later, as for a coded one. The same holds for an answer of the wrong shape, and for a call that
 * does not answer.
 */
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Source, SourceRecord, SourceStats } from '../../contracts/source.ts'
import { Answers } from './answers.ts'

const nothingCounted: SourceStats = { records: 0, bytes: 0, rebalances: 0, refused: 0 }

export function guardedSource(source: Source, clock: Clock): Source {
  const { name, journal } = source
  const answers = new Answers(clock)
  const within = async <Result>(
    call: string,
    work: () => Promise<Result>,
    { signal, waitMs = 0 }: { readonly signal?: AbortSignal; readonly waitMs?: number } = {},
  ) => {
    try {
      return await answers.of(call, work, waitMs)
    } catch (cause) {
      if (cause instanceof CodedError || signal?.aborted === true) throw cause
      throw coded(name, cause)
    }
  }
  const stats = source.stats?.bind(source)
  const locate = source.locate?.bind(source)
  return {
    name,
    ...(journal !== undefined && { journal }),
    open: async (from, signal) => within('open', async () => source.open(from, signal), { signal }),
    async read(limits, signal) {
      const { waitMs } = limits
      const work = async () => source.read(limits, signal)
      return checkedRecords(name, await within('read', work, { signal, waitMs }))
    },
    commit: async (positions) => within('commit', async () => source.commit(positions)),
    async lag() {
      const lag = await within('lag', async () => source.lag())
      if (Number.isFinite(lag) && lag >= 0) return lag
      throw new CodedError('SOURCE_FAILED', `${name}: lag answered ${lag}`, { retriable: true })
    },
    ...(stats && { stats: () => statsOr(nothingCounted, stats) }),
    ...(locate && {
      locate: async (to, from, signal) =>
        within('locate', async () => locate(to, from, signal), { signal }),
    }),
    close: async () => within('close', async () => source.close()),
  }
}

function statsOr(otherwise: SourceStats, stats: () => SourceStats | undefined): SourceStats {
  try {
    return stats() ?? otherwise
  } catch {
    return otherwise
  }
}

/** Opened again at the position reached, it may read what it has lost. */
function checkedRecords(name: string, read: unknown): readonly SourceRecord[] {
  const fault = Array.isArray(read)
    ? read.map(faultOf).find((each) => each !== undefined)
    : 'it is no list'
  if (fault === undefined) return read as readonly SourceRecord[]
  throw new CodedError('SOURCE_FAILED', `${name}: what read answers is wrong: ${fault}`)
}

type Unchecked = Readonly<Partial<Record<keyof SourceRecord, unknown>>> | null | undefined

/** The last millisecond that a date can be. */
const MOST_MS = 8.64e15

function faultOf(record: Unchecked, at: number): string | undefined {
  if (typeof record !== 'object' || record === null) return `record ${at} is no object`
  const places = ['partition', 'position', 'next'] as const
  const wrong = places.find((place) => typeof record[place] !== 'string')
  if (wrong !== undefined) return `${wrong} of record ${at} is no text`
  if (!(record.value instanceof Uint8Array)) return `value of record ${at} is no Uint8Array`
  const { timeMs } = record
  const isTime = typeof timeMs === 'number' && Math.abs(timeMs) <= MOST_MS
  if (timeMs !== undefined && !isTime) return `timeMs of record ${at} is no time`
  return undefined
}

function coded(name: string, cause: unknown): CodedError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const isFinal =
    typeof cause === 'object' && cause !== null && 'retriable' in cause && cause.retriable === false
  return new CodedError('SOURCE_FAILED', `${name}: ${why}`, { retriable: !isFinal, cause })
}
