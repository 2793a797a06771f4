/**
 * Limits the time of synchronous work that a foreign file describes, such as a regular expression or a template. Node stops
 * it from another thread, also inside a regular expression that backtracks for ever. A call costs about 50 µs.
 */
import { createContext, Script } from 'node:vm'
import { systemClock } from './clock.ts'

const place: { work?: () => void } = createContext({})
const script = new Script('work()')

/**
 * `late` makes the error of work that takes longer. The limit is one of processor time: work that was stopped while this
 * process got little of a processor is done again, with more time.
 */
export function withinTime<Result>(limitMs: number, work: () => Result, late: () => Error): Result {
  const spentMs = processorTime()
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

/** Clocks of time and of processor time differ a little. */
const ENOUGH = 0.9

/** What this process spends from now on, in milliseconds. */
export function processorTime(): () => number {
  const start = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000
  }
}

/** For each 10,000 characters that the work reads, and at most. Such a text takes 10 to 60 ms on a busy machine. */
const [LIMIT_MS, MOST_MS] = [150, 500]
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
 * The same for work that each request needs. A call that takes too long closes it: all later calls fail at once, so that the
 * loop stands still only once. Because other threads of the process may have spent the time, one then tries the same work
 * elsewhere: if it can be done there, calls are made again, after a second such alarm a minute later.
 */
export function timeLimit(late: () => Error) {
  let closedUntilMs = -Infinity
  let alarmMs = -Infinity
  return <Result>({ size, run, tryElsewhere }: LimitedWork<Result>): Result => {
    if (systemClock.monotonicMs() < closedUntilMs) throw late()
    const limitMs = Math.min(MOST_MS, LIMIT_MS * Math.max(1, Math.ceil(size / 10_000)))
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
