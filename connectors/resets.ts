/** Counts and reports when a source finds content other than what it had read. */
import type { Clock, Logger, Setting } from '../src/contracts/core.ts'
import type { SourceReset, SourceStats } from '../src/contracts/source.ts'

export class Resets {
  readonly #clock: Clock
  readonly #log: Logger
  #count = 0
  #missing = 0
  #last: SourceReset | undefined

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  get stats(): Pick<SourceStats, 'resets' | 'missing' | 'lastReset'> {
    const last = this.#last
    return { resets: this.#count, missing: this.#missing, ...(last && { lastReset: last }) }
  }

  add(reset: Omit<SourceReset, 'timeMs'>): void {
    const { reason, ...details } = reset
    this.#count += 1
    this.#missing += reset.missing ?? 0
    this.#last = { ...reset, timeMs: this.#clock.nowMs() }
    const { to, missing } = reset
    const lost =
      missing === undefined ? 'an unknown number of records' : `${missing} or more records`
    const known = missing === 0 ? 'no records are known to be' : `${lost} are`
    this.#log.warn(
      { ...details },
      `${reason}; reading continues at ${to}, and ${known} lost before they were read`,
    )
  }
}

/**
 * A setting of sources that may be replaced by other content under the same name.
 */
export const onReset = (what: string) =>
  ({
    type: 'choice',
    options: ['start', 'end', 'stop'],
    default: 'start',
    description: `where to continue in ${what}; stop = not automatically`,
  }) as const satisfies Setting
