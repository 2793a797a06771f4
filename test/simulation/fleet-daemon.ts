/**
 * One life of a daemon process: whatever it does to the world goes through `does`, where chance may kill it before or
 * after the effect, freeze it, or keep the answer from it. Of the dead nothing is heard again, and the frozen do what
 * they were about to do, later.
 */
import type { Clock, CodedError, Random } from '../../src/contracts/core.ts'
import { failure } from '../../src/platform/errors.ts'
import type { SimulatedTime } from './fleet-clock.ts'

/** Not a failure of the world: the process is gone. Only for what cannot wait for ever, because it is synchronous. */
export class Dead extends Error {}

/** How likely each fault is at one effect. */
export interface FaultRates {
  readonly crash: number
  readonly pause: number
  readonly refuse: number
  readonly lostAck: number
  readonly delay: number
}

export const noFaults: FaultRates = { crash: 0, pause: 0, refuse: 0, lostAck: 0, delay: 0 }

export interface DaemonParts {
  readonly name: string
  readonly time: SimulatedTime
  readonly random: Random
  /** Asked at each effect. */
  readonly rates: () => FaultRates
  readonly onDeath: (where: string) => void
  readonly tell: (event: string) => void
}

/** What an effect can meet besides death and frost. */
export interface EffectKind {
  /** It may fail, before or after it has happened; the error is retriable. */
  readonly mayFail?: boolean
  /** Whether the service is away altogether. */
  readonly isAway?: () => boolean
}

export class Daemon {
  readonly name: string
  readonly clock: Clock
  readonly #parts: DaemonParts
  #isAlive = true
  #frozenUntilMs = 0
  #wallOffsetMs = 0

  constructor(parts: DaemonParts) {
    const { name, time } = parts
    this.name = name
    this.#parts = parts
    this.clock = {
      nowMs: () => 1_700_000_000_000 + time.nowMs + this.#wallOffsetMs,
      monotonicMs: () => time.nowMs,
      sleep: async (delayMs, signal) => {
        await this.#gate()
        // The frozen hear of it later, and the dead never.
        await time.sleep(delayMs, signal).finally(() => this.#gate())
      },
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  jumpClock(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  freeze(forMs: number, where: string): void {
    this.#parts.tell(`${this.name} freezes for ${forMs} ms at ${where}`)
    this.#frozenUntilMs = Math.max(this.#frozenUntilMs, this.#parts.time.nowMs + forMs)
  }

  die(where: string): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    this.#parts.tell(`${this.name} dies at ${where}`)
    this.#parts.onDeath(where)
  }

  /** An effect on the world that takes time. */
  async does<Result>(
    what: string,
    effect: () => Promise<Result> | Result,
    kind: EffectKind = {},
  ): Promise<Result> {
    await this.#gate()
    await this.#before(what, kind)
    const result = await effect()
    this.#parts.time.activity += 1
    await this.#after(what, kind)
    return result
  }

  /** An effect on its own disk. */
  doesAtOnce<Result>(what: string, effect: () => Result): Result {
    this.#live()
    const { random, time } = this.#parts
    const rates = this.#parts.rates()
    if (random.uniform() < rates.crash) this.#dieAtOnce(`${what}, before`)
    if (random.uniform() < rates.refuse) throw failed(what)
    const result = effect()
    time.activity += 1
    if (random.uniform() < rates.crash) this.#dieAtOnce(`${what}, after`)
    if (random.uniform() < rates.lostAck) throw failed(what)
    return result
  }

  /** In the middle of something that a death undoes. */
  mayDie(where: string): void {
    this.#live()
    if (this.#parts.random.uniform() < this.#parts.rates().crash) this.#dieAtOnce(where)
  }

  async #before(what: string, { mayFail = true, isAway }: EffectKind): Promise<void> {
    const { random, time } = this.#parts
    const rates = this.#parts.rates()
    time.activity += 1
    if (random.uniform() < rates.crash) await this.#dieWaiting(`${what}, before`)
    if (random.uniform() < rates.delay) await time.sleep(1 + random.below(300))
    if (random.uniform() < rates.pause) this.freeze(500 + random.below(15_000), what)
    await this.#gate()
    if (isAway?.() === true) throw failed(what)
    if (mayFail && random.uniform() < rates.refuse) throw failed(what)
  }

  async #after(what: string, { mayFail = true }: EffectKind): Promise<void> {
    const { random, time } = this.#parts
    const rates = this.#parts.rates()
    if (random.uniform() < rates.crash) await this.#dieWaiting(`${what}, after`)
    if (random.uniform() < rates.delay) await time.sleep(1 + random.below(300))
    await this.#gate()
    if (mayFail && random.uniform() < rates.lostAck) throw failed(`${what} (it happened)`)
  }

  async #gate(): Promise<void> {
    const { time } = this.#parts
    while (this.#isAlive && time.nowMs < this.#frozenUntilMs)
      await time.sleep(this.#frozenUntilMs - time.nowMs)
    if (!this.#isAlive) await new Promise<never>(() => {})
  }

  async #dieWaiting(where: string): Promise<never> {
    this.die(where)
    return new Promise<never>(() => {})
  }

  #dieAtOnce(where: string): never {
    this.die(where)
    throw new Dead(where)
  }

  #live(): void {
    if (!this.#isAlive) throw new Dead(this.name)
  }
}

function failed(what: string): CodedError {
  return failure('CONNECTION_FAILED', what)
}
