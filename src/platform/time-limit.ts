/**
 * Limits the time of synchronous work that a foreign file describes, such as a regular expression or a template. Node stops
 * it from another thread, also inside a regular expression that backtracks for ever. A call costs about 50 µs.
 */
import { createContext, Script } from 'node:vm'
import { systemClock } from './clock.ts'

const place: { work?: () => void } = createContext({})
const script = new Script('work()')

/** `late` makes the error of work that takes longer. */
export function withinTime<Result>(limitMs: number, work: () => Result, late: () => Error): Result {
  const done: Result[] = []
  place.work = () => void done.push(work())
  try {
    script.runInContext(place, { timeout: limitMs })
  } catch (error) {
    throw isTimeout(error) ? late() : error
  } finally {
    delete place.work
  }
  return done[0] as Result
}

/** After two calls in a row that took too long, all calls fail at once for this time. */
const REST_MS = 60_000

/**
 * The same for work that each request needs. A call that takes too long is tried a second time, because the process may have
 * been stopped in between. If that takes too long as well, all calls fail at once for a minute, so that the other models of
 * the daemon go on.
 */
export function timeLimit(limitMs: number, late: () => Error) {
  let restUntilMs = -Infinity
  return <Result>(work: () => Result): Result => {
    if (systemClock.monotonicMs() < restUntilMs) throw late()
    try {
      return withinTime(limitMs, work, () => new Late())
    } catch (error) {
      if (!(error instanceof Late)) throw error
    }
    return withinTime(limitMs, work, () => {
      restUntilMs = systemClock.monotonicMs() + REST_MS
      return late()
    })
  }
}

class Late extends Error {}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
