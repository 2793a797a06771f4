/**
 * A source of a user's own as the trainer reads it: any error that it throws becomes a coded one, so that a fault of one
 * source is shown with its name and tried again, and stops nothing else. `retriable: false` on an error means that the
 * source is opened again later, as for a coded one. The same holds for an answer of the wrong shape, and for a call that
 * does not answer.
 */
import { CodedError, settles, type Clock } from '../../contracts/core.ts'
import type { Source, SourceRecord, SourceStats } from '../../contracts/source.ts'

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

type UncheckedRecord = Readonly<Partial<Record<keyof SourceRecord, unknown>>> | null | undefined

/** The last millisecond that a date can be. */
const MOST_MS = 8.64e15

function faultOf(record: UncheckedRecord, at: number): string | undefined {
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

/**
 * One call of a user's source at a time, with a limit on the wait. A call that has not answered in time keeps running: the
 * next one waits for its answer, because what it has read must not be lost, and a second one beside it might read it twice.
 */
interface RunningCall {
  readonly call: string
  readonly answer: Promise<unknown>
}

const PATIENCE_MS = 5000

/**
 * Whether what an earlier call has answered too late is still needed when another comes: records that were read are,
 * unless the source is opened again or closed, and so is that it is open.
 */
function isNeeded(earlier: string, next: string): boolean {
  if (earlier === 'read') return next !== 'open' && next !== 'close'
  return earlier === 'open' && next !== 'close'
}

class Answers {
  readonly #clock: Clock
  #running: RunningCall | undefined
  #isLate = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `waitMs`: how long the call itself may wait. Rejects when it does not answer in time, or another has not. */
  async of<Result>(call: string, work: () => Promise<Result>, waitMs: number): Promise<Result> {
    if (this.#running !== undefined) await this.#passOver(this.#running, call)
    this.#running ??= { call, answer: work() }
    const { answer } = this.#running
    const isOwn = this.#running.call === call
    if (!isOwn || !(await settles(answer, this.#isLate ? 0 : PATIENCE_MS + waitMs, this.#clock))) {
      this.#isLate = true
      throw new Error(`${this.#running.call} does not answer`)
    }
    this.#running = undefined
    this.#isLate = false
    return answer as Promise<Result>
  }

  async #passOver({ call, answer }: RunningCall, next: string): Promise<void> {
    if (call === next || isNeeded(call, next) || !(await settles(answer, 0, this.#clock))) return
    this.#running = undefined
    this.#isLate = false
  }
}
