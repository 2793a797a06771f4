/**
 * Leases in Redis: each operation is one Lua script. `<ns>:{model}:lease` contains `epoch token holder` and expires by
 * its TTL; `<ns>:{model}:epoch` is the highest epoch ever granted, against which every shared store checks a trainer's
 * writes.
 *
 * After FLUSHALL or a failover to a stale replica the holder's next renewal restores both. There can be two holders
 * only if the grant itself was lost in a failover and a third daemon that never saw it acquires the lease; the older
 * epoch is then refused.
 */
import { randomBytes } from 'node:crypto'
import type { Clock, Logger } from '../contracts/core.ts'
import type {
  LeaseView,
  Leases,
  Granting,
  LeaseAsker,
  LeaseClaim,
  LeaseKeeper,
} from './contract.ts'
import type { Redis, RedisReply } from '../platform/redis/redis.ts'
import { redisScript } from '../platform/redis/script.ts'
import { openLeases } from './leases.ts'

export interface RedisLeasesOptions {
  readonly redis: Redis
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly log: Logger
}

export function openRedisLeases({ redis, ...options }: RedisLeasesOptions): Leases {
  const keeper = new RedisKeeper(redis, options.clock)
  return openLeases({ ...options, keeper, token: () => randomBytes(12).toString('hex') })
}

const HELD = `
local lease, epoch = KEYS[1], KEYS[2]
local call = redis.call
local held = call('GET', lease)
local held_epoch, held_token, holder = 0, '', ''
if held then
  local e, t, h = string.match(held, '^(%d+) (%S+) (.*)$')
  held_epoch, held_token, holder = tonumber(e), t, h
end
local stored = tonumber(call('GET', epoch) or '0')
local function hold(mine, token, name, ms)
  call('SET', lease, string.format('%d %s %s', mine, token, name), 'PX', ms)
  if stored < mine then call('SET', epoch, string.format('%d', mine)) end
end
`

/** ARGV: token, holder, milliseconds, floor, patient, succeeds, gone. */
const GRANT = redisScript(
  'lease grant',
  `${HELD}
local floor = tonumber(ARGV[4])
if held and held_token == ARGV[1] then
  hold(held_epoch, ARGV[1], ARGV[2], ARGV[3])
  return {'granted', held_epoch}
end
local own = ARGV[6] == '1' and holder == ARGV[2]
local gone = held_epoch == tonumber(ARGV[7])
if held and not own and not gone then return {'held', held_epoch, holder, call('PTTL', lease)} end
if stored < floor and ARGV[5] == '0' then return {'forgot'} end
local mine = math.max(stored, floor) + 1
hold(mine, ARGV[1], ARGV[2], ARGV[3])
return {'granted', mine}`,
)

/**
 * ARGV: token, holder, milliseconds, epoch. A holder with an earlier epoch is a result of lost data, and is replaced.
 */
const RENEW = redisScript(
  'lease renew',
  `${HELD}
local mine = tonumber(ARGV[4])
if stored > mine then return 0 end
if held and held_token ~= ARGV[1] and held_epoch >= mine then return 0 end
hold(mine, ARGV[1], ARGV[2], ARGV[3])
return 1`,
)

/** ARGV: token. KEYS[3]: the channel that wakes waiting daemons. */
const RELEASE = redisScript(
  'lease release',
  `${HELD}
if held_token ~= ARGV[1] then return 0 end
call('DEL', lease)
call('PUBLISH', KEYS[3], '')
return 1`,
)

const VIEW = redisScript('lease view', `${HELD} return {held_epoch, holder, call('PTTL', lease)}`)

class RedisKeeper implements LeaseKeeper {
  readonly #redis: Redis
  readonly #clock: Clock

  constructor(redis: Redis, clock: Clock) {
    this.#redis = redis
    this.#clock = clock
  }

  async grant(
    { model, token, holder, leaseMs }: LeaseClaim,
    { floor, patient, succeeds, gone }: LeaseAsker,
  ): Promise<Granting> {
    const flags = [patient ? 1 : 0, succeeds ? 1 : 0, gone]
    const args = [token, holder, leaseMs, floor, ...flags]
    const reply = await this.#redis.script(GRANT, this.#keys(model), args)
    const [kind, epoch, by, forMs] = listOf(reply)
    if (kind === 'granted') return { kind, epoch: Number(epoch) }
    if (kind !== 'held') return { kind: 'forgot' }
    return { kind, by: this.#viewOf(epoch, by, forMs), forMs: Number(forMs) }
  }

  async renew({ model, token, holder, leaseMs }: LeaseClaim, epoch: number): Promise<boolean> {
    const args = [token, holder, leaseMs, epoch]
    return (await this.#redis.script(RENEW, this.#keys(model), args)) === 1
  }

  async release({ model, token }: LeaseClaim): Promise<void> {
    await this.#redis.script(RELEASE, [...this.#keys(model), this.#channel(model)], [token])
  }

  async view(model: string): Promise<LeaseView | undefined> {
    const reply = await this.#redis.script(VIEW, this.#keys(model), [])
    const [epoch, holder, forMs] = listOf(reply)
    return epoch === 0 ? undefined : this.#viewOf(epoch, holder, forMs)
  }

  onRelease(model: string, wake: () => void): () => void {
    return this.#redis.subscribe(this.#channel(model), wake)
  }

  #viewOf(epoch?: RedisReply, holder?: RedisReply, forMs?: RedisReply): LeaseView {
    const expiresMs = this.#clock.nowMs() + Math.max(0, Number(forMs))
    return { holder: String(holder), epoch: Number(epoch), expiresMs }
  }

  #keys(model: string): readonly string[] {
    return [this.#redis.key(model, 'lease'), this.#redis.key(model, 'epoch')]
  }

  #channel(model: string): string {
    return this.#redis.key(model, 'lease', 'released')
  }
}

function listOf(reply: RedisReply): readonly RedisReply[] {
  return typeof reply === 'object' && reply !== null ? reply : []
}
