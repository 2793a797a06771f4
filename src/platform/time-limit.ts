/**
 * Limits the time of synchronous work that a foreign file describes, such as a regular expression or a template. Node stops
 * it from another thread, also inside a regular expression that backtracks for ever. A call costs about 80 µs.
 */
import { readFileSync } from 'node:fs'
import { createContext, Script } from 'node:vm'
import { systemClock } from './clock.ts'

const place: { work?: () => void } = createContext({})
const script = new Script('work()')

/**
 * `late` makes the error of work that takes longer. The limit is one of processor time: work that was stopped while this
 * thread got little of a processor is done again, with more time.
 */
export function withinTime<Result>(limitMs: number, work: () => Result, late: () => Error): Result {
  const spentMs = threadTime()
  for (let timeout = limitMs; ; timeout *= 2) {
    const done: Result[] = []
    place.work = () => void done.push(work())
    try {
      script.runInContext(place, { timeout })
      return done[0] as Result
    } catch (error) {
      if (!isTimeout(error)) throw error
      if (spentMs() >= ENOUGH * limitMs) throw late()
    } finally {
      delete place.work
    }
  }
}

/** The system counts the processor time of a thread in ticks of some milliseconds. */
const ENOUGH = 0.75

/** What this thread spends from now on, in milliseconds; of the whole process where the system does not say. */
function threadTime(): () => number {
  const startMs = ownTimeMs()
  return startMs === undefined ? processorTime() : () => (ownTimeMs() ?? Infinity) - startMs
}

function ownTimeMs(): number | undefined {
  try {
    return Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'latin1')) / 1e6
  } catch {
    return undefined
  }
}

/** What this process spends from now on, in milliseconds. */
export function processorTime(): () => number {
  const start = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  }
}

/**
 * What repeats itself without end does so in a few characters: they get what a loop may stand still. More characters get in
 * addition about three times what an ordinary tokenizer needs for them.
 */
const [LEAST_MS, MOST_MS] = [20, 500]
const MS_PER_CHARACTER = 0.008
const AGAIN = new Error('it took too long for the first time')
/** False alarms may follow each other so fast. */
const ALARM_MS = 60_000

export interface LimitedWork<Result> {
  /** Characters that it reads. */
  readonly size: number
  readonly run: () => Result
  /** Tries the same work in another thread; resolves to whether it can be done. */
  readonly tryElsewhere: () => Promise<boolean>
}

/**
 * The same for work that each request needs. A call that takes too long is repeated, because a collection of garbage may have
 * spent the time; if it takes too long again, it closes the way: all later calls fail at once, so that the loop stands still only
 * once. Other threads of the process may have spent the time too, so one of them then tries the same work: if it can be done there,
 * calls are made again, after a second such alarm a minute later.
 */
export function timeLimit(late: () => Error) {
  let closedUntilMs = -Infinity
  let alarmMs = -Infinity
  return <Result>({ size, run, tryElsewhere }: LimitedWork<Result>): Result => {
    if (systemClock.monotonicMs() < closedUntilMs) throw late()
    const limitMs = Math.min(MOST_MS, LEAST_MS + Math.floor(MS_PER_CHARACTER * size))
    try {
      return withinTime(limitMs, run, () => AGAIN)
    } catch (error) {
      if (error !== AGAIN) throw error
    }
    return withinTime(limitMs, run, () => {
      closedUntilMs = Infinity
      void tryElsewhere().then((isPossible) => {
        if (!isPossible) return
        closedUntilMs = alarmMs + ALARM_MS
        alarmMs = systemClock.monotonicMs()
      })
      return late()
    })
  }
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
