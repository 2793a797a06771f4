/**
 * This replica's copy of the Redis registry, on its own disk, so that serving and restarting continue without Redis.
 *
 * The longer of two histories wins; of two equally long ones that of Redis (README.md).
 *
 * A daemon has one polling replica, in its server process. Its trainer follows the same ledger and reads Redis itself
 * only when it opens, when its own move was too late, when something is missing, and occasionally.
 */
import { rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { Routing } from '../contract.ts'
import { afterArrived, type Redis } from '../../platform/redis/redis.ts'
import type { Ledger } from '../local/ledger.ts'
import type { PointerWatch } from '../pointer-watch.ts'
import type { Repair } from './repair.ts'
import { type RegistryKeys, isBlobFailure, isRedisFailure } from './layout.ts'
import type { Look, RedisPointer } from './pointer.ts'

export interface RegistryReplicaParts {
  readonly redis: Redis
  readonly keys: RegistryKeys
  readonly pointer: RedisPointer
  readonly repair: Repair
  readonly ledger: Ledger
  readonly watch: PointerWatch
  readonly clock: Clock
  readonly log: Logger
  readonly pollMs: number
  /** Another process of this daemon polls, and writes the result into the same ledger. */
  readonly follows: boolean
}

/** A follower trusts the polling replica for this many polls before it reads Redis once itself. */
const TRUSTED_POLLS = 5
/** A reader waits at most this long for Redis before it uses the local copy. */
const FRESH_MS = 250

export class RegistryReplica {
  readonly #parts: RegistryReplicaParts
  readonly #closing = new AbortController()
  readonly #unsubscribe: () => void
  #wakeUp = new AbortController()
  #polling: Promise<void> = Promise.resolve()
  /** One change of the ledger after another. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Redis was late or away at the last poll: do not wait for it until a poll has succeeded. */
  #isAway = false
  /** When a reader looked last. */
  #lookedMs = -Infinity
  #isLooking = false
  /** Bytes could not be put back, and the log says so. */
  #isBlocked = false
  /** At the last poll Redis had less than was seen here: something that it does not know may still exist. */
  #isBehind = false

  constructor(parts: RegistryReplicaParts) {
    this.#parts = parts
    const { redis, keys, follows } = parts
    this.#unsubscribe = follows
      ? () => undefined
      : redis.subscribe(keys.channel, () => {
          this.wake()
        })
  }

  start(): void {
    if (!this.#parts.follows) this.#polling = this.#poll()
  }

  /** Whether a reader should ask Redis at all. */
  get answers(): boolean {
    return !this.#isAway && this.#parts.redis.status === 'ready'
  }

  /** Whether Redis answers and has everything that was seen here, as of now. */
  async knowsAll(): Promise<boolean> {
    await this.fresh()
    return this.answers && !this.#isBehind
  }

  /** Polls immediately instead of at the next interval. */
  wake(): void {
    this.#wakeUp.abort()
    if (this.#parts.follows) this.#lookAside()
  }

  /** Something is here that Redis does not have: the next look compares. */
  doubt(): void {
    this.#parts.repair.doubt()
    this.wake()
  }

  /** The answer of Redis, or undefined if it does not answer immediately. */
  async quickly<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    if (!this.answers) return undefined
    const done = new AbortController()
    const late = this.#parts.clock.sleep(FRESH_MS, done.signal).then(
      async () => {
        await afterArrived()
        if (!done.signal.aborted) this.#away()
      },
      () => undefined,
    )
    try {
      return (await Promise.race([work(), late])) ?? undefined
    } catch (error) {
      if (!isRedisFailure(error)) throw error
      this.#away()
      return undefined
    } finally {
      done.abort()
    }
  }

  /** The newest pointer that any process here has seen; never older than one reported before. */
  async live(): Promise<Routing | undefined> {
    if (!this.#isTrusted()) await this.fresh()
    return this.#parts.ledger.live()
  }

  /** The ledger has the present state of Redis, if Redis answers immediately. */
  async fresh(): Promise<void> {
    const { pointer, clock, follows } = this.#parts
    this.#lookedMs = clock.monotonicMs()
    await this.quickly(async () => this.#absorb(await pointer.look()))
    if (this.#isBehind || (follows && this.#isAway)) this.wake()
  }

  /** After a move of our own. */
  async moved(pointer: Routing): Promise<void> {
    await this.#inTurn(() => this.#adopt(pointer))
  }

  /** Waits until Redis is as far as this replica, as far as that is possible now. */
  async repair(): Promise<void> {
    await this.#parts.repair.run(await this.#parts.pointer.look())
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.wake()
    this.#unsubscribe()
    await this.#polling
    await this.#turn
  }

  #isTrusted(): boolean {
    const { follows, clock, pollMs } = this.#parts
    if (!follows || this.#isAway || this.#isBehind) return false
    return clock.monotonicMs() - this.#lookedMs < TRUSTED_POLLS * pollMs
  }

  /** One poll of a follower, which also restores what it finds missing. */
  #lookAside(): void {
    if (this.#closing.signal.aborted || this.#isLooking) return
    this.#isLooking = true
    this.#polling = this.#lookOnce().finally(() => (this.#isLooking = false))
  }

  async #poll(): Promise<void> {
    const { clock, pollMs } = this.#parts
    while (!this.#closing.signal.aborted) {
      this.#wakeUp = new AbortController()
      const { signal } = this.#wakeUp
      await this.#lookOnce()
      await rest(clock, pollMs, signal)
    }
  }

  async #lookOnce(): Promise<void> {
    const { redis, pointer, repair, log } = this.#parts
    if (redis.status !== 'ready') {
      this.#away()
      return
    }
    try {
      const look = await pointer.look()
      await this.#absorb(look)
      // A connection that was away may lead to another server.
      if (this.#isAway) repair.doubt()
      this.#isAway = false
      await repair.run(look)
      this.#isBlocked = false
    } catch (error) {
      if (this.#closing.signal.aborted) return
      if (isBlobFailure(error)) {
        // Redis answers anyway: only the restored data has no room there yet.
        if (!this.#isBlocked) log.warn({ err: error }, 'the blob store fails; trying again')
        this.#isBlocked = true
        repair.doubt()
        return
      }
      if (!isRedisFailure(error))
        log.error({ err: error }, 'the fleet’s registry cannot be followed')
      else if (!this.#isAway) log.warn({ err: error }, 'Redis does not answer; going on without')
      this.#away()
    }
  }

  #away(): void {
    this.#isAway = true
    this.#parts.repair.doubt()
  }

  async #absorb({ pointer, generation }: Look): Promise<void> {
    const { ledger } = this.#parts
    await this.#inTurn(async () => {
      const known = ledger.live()
      this.#isBehind = generation < (known?.generation ?? 0)
      if (this.#isBehind || pointer === undefined || isSame(pointer, known)) return
      await this.#adopt(pointer)
    })
  }

  async #adopt(pointer: Routing): Promise<void> {
    const { ledger, watch } = this.#parts
    const moves = await this.#newMoves(pointer, ledger.live())
    if (this.#closing.signal.aborted) return
    ledger.adopt([pointer, ...moves.filter((move) => move.generation < pointer.generation)])
    watch.wake()
  }

  /** The moves since our newest one, or all of them when Redis has another history. */
  async #newMoves(pointer: Routing, known: Routing | undefined) {
    const { generation } = pointer
    const moves = this.#parts.pointer
    if (known === undefined) return moves.moves(1, generation)
    const newer = await moves.moves(known.generation, generation)
    const there = newer.find((move) => move.generation === known.generation)
    if (isSame(there, known)) return newer.filter((move) => move.generation > known.generation)
    return moves.moves(1, generation)
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(async () => {
      if (!this.#closing.signal.aborted) await work()
    })
    this.#turn = turn.catch(() => undefined)
    await turn
  }
}

function isSame(one: Routing | undefined, other: Routing | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return (
    one.generation === other.generation &&
    one.live.digest === other.live.digest &&
    one.sinceMs === other.sinceMs &&
    one.hash === other.hash
  )
}
