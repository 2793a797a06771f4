/** The ways to Redis that pass through: TLS with certificates, Sentinel with a failover, Cluster; each against real processes. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, type TestContext } from 'vitest'
import { freePort } from '../../src/cli/services/own-process.ts'
import { openRedisLeases } from '../../src/fleet/redis-leases.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis, type Redis, type RedisOptions } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { ask, detach, needsRedis, redisForTest, startReplica } from '../services/redis.ts'

beforeEach((context) => needsRedis(context))

async function connect(options: Partial<RedisOptions>): Promise<Redis> {
  // A Redis that has to wait for the processor is no Redis that is away.
  const usual = { namespace: 'test', commandMs: 5000, connectMs: 10_000 }
  const redis = await openRedis(
    { ...usual, ...options },
    { log: openFakeLog(), clock: systemClock },
  )
  onTestFinished(() => redis.close())
  return redis
}

async function until(truth: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await truth())) await systemClock.sleep(20)
}

/** What the fleet needs of it: keys, a lease by script, and a message. */
async function worksOn(redis: Redis): Promise<void> {
  expect(redis.status).toBe('ready')
  const leases = openRedisLeases({
    ...{ redis, holder: 'a', leaseMs: 30_000, clock: systemClock },
    log: openFakeLog(),
  })
  const lease = await leases.acquire('m', { floor: 0, signal: new AbortController().signal })
  expect(await leases.view('m')).toMatchObject({ holder: 'a', epoch: lease.epoch })
  let heard = false
  redis.subscribe('test:news', () => (heard = true))
  await until(async () => {
    await redis.command('PUBLISH', 'test:news', '')
    return heard
  })
  await leases.close()
}

/** A certificate for 127.0.0.1 that signs itself, and one of its own for the client. */
function certificates(context: TestContext) {
  const folder = scratchFolder()
  const make = (name: string) => {
    const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
    const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
    const args = ['req', ...kind, '-keyout', key, '-out', cert, ...subject]
    if (spawnSync('openssl', args).status !== 0) context.skip('openssl is not installed')
    return { cert, key }
  }
  return { folder, server: make('server'), client: make('client') }
}

test('TLS: the server is known by its authority, and the client by its certificate', async (context) => {
  const { server, client } = certificates(context)
  const port = await freePort()
  const files = ['--tls-cert-file', server.cert, '--tls-key-file', server.key]
  const args = ['--port', '0', '--tls-port', `${port}`, ...files, '--tls-ca-cert-file', client.cert]
  const mine = await redisForTest({ port, args }).catch((error: unknown) => {
    if (/Failed to configure TLS|Bad directive/.test(String(error)))
      return context.skip('this redis-server is built without TLS')
    throw error
  })
  const address = { host: '127.0.0.1', port: mine.port }
  await worksOn(await connect({ address, tls: { ca: server.cert, ...client } }))
  // Another authority, no certificate of ours, no TLS: none gets through, and none is taken for a Redis that is well.
  for (const tls of [{ ca: client.cert, ...client }, { ca: server.cert }, true, undefined]) {
    const redis = await connect({ address, tls })
    expect(redis.status).not.toBe('ready')
    expect((await rejection(redis.command('PING'))).code).toBe('REDIS_UNAVAILABLE')
  }
})

test('Cluster: keys of a model lie in one slot, and scripts and messages work', async () => {
  // A node that is alone does not know its own address.
  const announced = ['--cluster-announce-ip', '127.0.0.1']
  // Its usual second port is the first and 10 000, which many a free port has no room for.
  const second = ['--cluster-port', `${await freePort()}`]
  const args = ['--cluster-enabled', 'yes', ...announced, ...second]
  const node = await redisForTest({ args })
  await ask(node.url, async (redis) => {
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await until(async () => String(await redis.call('CLUSTER', 'INFO')).includes('state:ok'))
  })
  const redis = await connect({ cluster: [{ host: '127.0.0.1', port: node.port }] })
  await worksOn(redis)
  const slots = new Set<unknown>()
  for (const key of [redis.key('m', 'lease'), redis.key('m', 'epoch'), redis.key('m', 'copy', 'x')])
    slots.add(await redis.command('CLUSTER', 'KEYSLOT', key))
  expect(slots.size).toBe(1)
})

test('Sentinel: the main is found by its name, and the next one after a failover', async () => {
  const main = await redisForTest()
  const replica = await startReplica(main)
  onTestFinished(() => replica.stop())
  const folder = scratchFolder()
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  const rules = [
    `port ${port}`,
    `dir ${folder}`,
    `sentinel monitor gear 127.0.0.1 ${main.port} 1`,
    // The test says when there is a failover: on a busy machine Sentinel takes none on for half a minute (TILT).
    'sentinel down-after-milliseconds gear 600000',
  ]
  writeFileSync(file, `${rules.join('\n')}\n`)
  const sentinel = await redisForTest({ folder, port, args: [file, '--sentinel'] })
  const redis = await connect({
    sentinel: { name: 'gear', hosts: [{ host: '127.0.0.1', port: sentinel.port }] },
  })
  await worksOn(redis)
  await main.kill()
  await detach(replica)
  await ask(sentinel.url, async (other) => {
    await other.call('SENTINEL', 'REMOVE', 'gear')
    await other.call('SENTINEL', 'MONITOR', 'gear', '127.0.0.1', String(replica.port), '1')
  })
  await until(async () => {
    const answer = await redis.command('SET', redis.key('m', 'x'), '1').catch(() => null)
    return answer === 'OK'
  })
  expect(await ask(replica.url, (other) => other.get('test:{m}:x'))).toBe('1')
})
