/**
 * Membership: each daemon publishes information about itself in Redis at intervals, and a silent one is removed after a
 * while. Time is Redis's clock, so the clocks of the fleet need not agree.
 */
import { rest, type Clock, type Logger } from '../contracts/core.ts'
import type { Redis } from '../platform/redis/redis.ts'
import { redisScript } from '../platform/redis/script.ts'

export interface MembershipOptions<Card extends object> {
  readonly redis: Redis
  /** Those of one room see each other. */
  readonly room: string
  readonly name: string
  /** Asked before each call; plain JSON. */
  readonly card: () => Card
  readonly everyMs: number
  readonly lifeMs: number
  readonly clock: Clock
  readonly log: Logger
}

export interface Present<Card extends object> {
  readonly name: string
  readonly card: Card
  /** When it was last seen, by this machine's clock. */
  readonly seenMs: number
}

export interface Membership<Card extends object> {
  /** The present members, by name. Rejects while Redis is unreachable. */
  list(): Promise<readonly Present<Card>[]>
  /** Publishes immediately, because the information has changed; never rejects. */
  call(): Promise<void>
  /** Leaves the membership, so that the others do not wait for it. */
  close(): Promise<void>
}

/** The room of the daemons: each calls from its server process, once a second, whatever its trainer does. */
export const DAEMONS = 'members'

const NOW = `
local calls, cards = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** ARGV: name, card. */
const CALL = redisScript(
  'roll call',
  `${NOW}
redis.call('ZADD', calls, now, ARGV[1])
redis.call('HSET', cards, ARGV[1], ARGV[2])`,
)

/** ARGV: how long an announcement is valid. Removes expired members. */
const LIST = redisScript(
  'roll list',
  `${NOW}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', calls, '-inf', now - ARGV[1])) do
  redis.call('ZREM', calls, name)
  redis.call('HDEL', cards, name)
end
local found = {}
local names = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
for i = 1, #names, 2 do
  local card = redis.call('HGET', cards, names[i])
  if card then found[#found + 1] = {names[i], card, now - names[i + 1]} end
end
return found`,
)

/** How long ago each member called. */
const AGES = redisScript(
  'roll ages',
  `${NOW}
local ages = {}
local names = redis.call('ZRANGE', calls, 0, -1, 'WITHSCORES')
for i = 1, #names, 2 do ages[#ages + 1] = {names[i], now - names[i + 1]} end
return ages`,
)

/** ARGV: name. */
const LEAVE = redisScript(
  'roll leave',
  `redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])`,
)

export function openMembership<Card extends object>(
  options: MembershipOptions<Card>,
): Membership<Card> {
  return new CallingRoll(options)
}

/** Milliseconds since the last call of each member. For one that is no member itself. Rejects while Redis is unreachable. */
export async function sinceCalls(redis: Redis, room: string): Promise<ReadonlyMap<string, number>> {
  const reply = await redis.script(AGES, keysOf(redis, room), [])
  return new Map((reply ?? []) as readonly (readonly [string, number])[])
}

function keysOf(redis: Redis, room: string): readonly string[] {
  return [redis.key('fleet', room, 'calls'), redis.key('fleet', room, 'cards')]
}

class CallingRoll<Card extends object> implements Membership<Card> {
  readonly #options: MembershipOptions<Card>
  readonly #keys: readonly string[]
  readonly #closed = new AbortController()
  readonly #calling: Promise<void>

  constructor(options: MembershipOptions<Card>) {
    const { redis, room } = options
    this.#options = options
    this.#keys = keysOf(redis, room)
    this.#calling = this.#callAgain()
  }

  async list(): Promise<readonly Present<Card>[]> {
    const { redis, lifeMs, clock } = this.#options
    const reply = await redis.script(LIST, this.#keys, [lifeMs])
    const nowMs = clock.nowMs()
    const rows = (reply ?? []) as readonly (readonly [string, string, number])[]
    return rows
      .map(([name, card, ago]) => ({ name, card: JSON.parse(card) as Card, seenMs: nowMs - ago }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async call(): Promise<void> {
    const { redis, name, card, log } = this.#options
    if (this.#closed.signal.aborted) return
    await redis.script(CALL, this.#keys, [name, JSON.stringify(card())]).catch((err: unknown) => {
      // The connection has already reported that Redis is away.
      log.debug({ err }, 'an announcement failed')
    })
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    // A call on its way would bring it back.
    await this.#calling
    const { redis, name } = this.#options
    await redis.script(LEAVE, this.#keys, [name]).catch(() => undefined)
  }

  async #callAgain(): Promise<void> {
    const { clock, everyMs } = this.#options
    while (!this.#closed.signal.aborted) {
      await this.call()
      await rest(clock, everyMs, this.#closed.signal)
    }
  }
}
