/**
 * Takes the lease whenever it can, and writes under it as fast as it can to a log in Redis that refuses an older epoch:
 * whether the lease is in doubt or not, because the store must refuse what the holder does not know of yet. Tells each
 * lease's end, after the first refusal: `over <epoch> <in doubt>`.
 */
import { openRedisLeases } from '../../dist/src/fleet/redis-leases.js'
import { systemClock } from '../../dist/src/platform/clock.js'
import { redisScript } from '../../dist/src/platform/redis/script.js'
import { openRedis } from '../../dist/src/platform/redis/redis.js'

const [, , port, holder, leaseMs] = process.argv
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const parts = { log, clock: systemClock }
const address = { host: '127.0.0.1', port: Number(port) }
const options = { namespace: 'test', address, commandMs: 200, connectMs: 500 }
const [redis, writing] = await Promise.all([openRedis(options, parts), openRedis(options, parts)])
const leases = openRedisLeases({ redis, holder, leaseMs: Number(leaseMs), ...parts })

const WRITE = redisScript(
  'write',
  `if tonumber(redis.call('GET', KEYS[1]) or '0') > tonumber(ARGV[1]) then return 0 end
return redis.call('RPUSH', KEYS[2], ARGV[1])`,
)
const keys = [redis.key('m', 'epoch'), redis.key('m', 'log')]

for (;;) {
  const lease = await leases.acquire('m', { floor: 0, signal: new AbortController().signal })
  process.stdout.write(`held ${lease.epoch}\n`)
  for (;;) {
    try {
      if ((await writing.script(WRITE, keys, [lease.epoch])) === 0) break
    } catch {
      // A time-out while it was stopped.
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  process.stdout.write(`over ${lease.epoch} ${isInDoubt(lease)}\n`)
  await lease.release()
}

function isInDoubt(lease) {
  try {
    lease.check()
    return false
  } catch {
    return true
  }
}
