/**
 * One call of a user's source at a time, with a limit on the wait. A call that has not answered in time keeps running: the
 * next one waits for its answer, because what it has read must not be lost, and a second one beside it might read it twice.
 */
import type { Clock } from '../../contracts/core.ts'

interface Running {
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

export class Answers {
  readonly #clock: Clock
  #running: Running | undefined
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
    if (!isOwn || !(await this.#settles(answer, this.#isLate ? 0 : PATIENCE_MS + waitMs))) {
      this.#isLate = true
      throw new Error(`${this.#running.call} does not answer`)
    }
    this.#running = undefined
    this.#isLate = false
    return answer as Promise<Result>
  }

  async #passOver({ call, answer }: Running, next: string): Promise<void> {
    if (call === next || isNeeded(call, next) || !(await this.#settles(answer, 0))) return
    this.#running = undefined
    this.#isLate = false
  }

  async #settles(answer: Promise<unknown>, patienceMs: number): Promise<boolean> {
    const done = new AbortController()
    const ended = answer.then(
      () => true,
      () => true,
    )
    const late = this.#clock.sleep(patienceMs, done.signal).then(
      () => false,
      () => false,
    )
    const isSettled = await Promise.race([ended, late])
    done.abort()
    return isSettled
  }
}
