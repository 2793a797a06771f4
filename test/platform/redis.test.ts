/** The connection to Redis, against the real server: what it does while Redis is well, away, frozen, full or unwilling. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { redisScript } from '../../src/platform/redis/script.ts'
import { openRedis, type Redis, type RedisOptions } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import {
  ask,
  needsRedis,
  redisForTest,
  redisIsInstalled,
  restartRedis,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'

/** A Redis that has to wait for the processor is no Redis that is away. */
const usual = { namespace: 'test', commandMs: 10_000, connectMs: 10_000 }
const at = ({ port }: { readonly port: number }) => ({ address: { host: '127.0.0.1', port } })

async function connect(options: Partial<RedisOptions>, log = openFakeLog()): Promise<Redis> {
  const redis = await openRedis({ ...usual, ...options }, { log, clock: systemClock })
  onTestFinished(() => redis.close())
  return redis
}

async function until(truth: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await truth())) await systemClock.sleep(10)
}

let server: RedisServer | undefined
beforeAll(async () => {
  if (redisIsInstalled) server = await startRedis()
})
afterAll(() => server?.stop())
beforeEach((context) => {
  needsRedis(context)
})

test('text comes back as text and bytes as bytes', async () => {
  const redis = await connect(at(server!))
  const bytes = Buffer.from([0, 255, 10, 13, 0])
  await redis.command('SET', redis.key('m', 'bytes'), bytes)
  expect(await redis.bytes('GET', 'test:{m}:bytes')).toEqual(bytes)
  expect(await redis.command('INCR', redis.key('m', 'n'))).toBe(1)
  expect(await redis.command('GET', redis.key('m', 'n'))).toBe('1')
  expect(await redis.command('GET', redis.key('m', 'nothing'))).toBeNull()
})

test('a script runs on a server that has never seen it, and on one that forgot it', async () => {
  const redis = await connect(at(server!))
  const add = redisScript('add', "return redis.call('INCRBY', KEYS[1], ARGV[1])")
  const key = redis.key('m', 'sum')
  expect(await redis.script(add, [key], [2])).toBe(2)
  expect(await redis.script(add, [key], [3])).toBe(5)
  await ask(server!.url, (other) => other.script('FLUSH'))
  expect(await redis.script(add, [key], [4])).toBe(9)
})

test('a subscriber hears a message, also after the connection broke, and not after it stopped', async () => {
  const redis = await connect(at(server!))
  const heard: string[] = []
  const stop = redis.subscribe('test:news', (message) => heard.push(message))
  const tell = (message: string) => ask(server!.url, (other) => other.publish('test:news', message))
  await until(async () => (await tell('one')) > 0)
  await until(() => heard.length === 1)
  // A connection that listens still commands.
  expect(await redis.command('PING')).toBe('PONG')
  await ask(server!.url, (other) => other.call('CLIENT', 'KILL', 'TYPE', 'pubsub'))
  await until(async () => (await tell('two')) > 0)
  await until(() => heard.includes('two'))
  stop()
  await until(async () => (await tell('three')) === 0)
  expect(heard).toEqual(['one', 'two'])
})

test('a command while Redis is away fails at once, and works again when it is back', async () => {
  const mine = await redisForTest()
  const log = openFakeLog()
  const redis = await connect(at(mine), log)
  await mine.kill()
  await until(() => redis.status === 'connecting')
  const error = await rejection(redis.command('PING'))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
  expect(error.details.outcome).toBe('none')
  expect(error.message).toBe('Redis, PING: there is no connection')
  const again = await restartRedis(mine)
  onTestFinished(() => again.stop())
  await until(() => redis.status === 'ready')
  expect(await redis.command('PING')).toBe('PONG')
  await until(() => log.lines.some(({ message }) => message === 'Redis answers again'))
  // One line for going, however many attempts failed.
  expect(log.lines.filter(({ message }) => message === 'Redis is away')).toHaveLength(1)
})

test('a daemon starts without Redis, and has it as soon as it is there', async () => {
  const gone = await startRedis()
  await gone.stop()
  const redis = await connect(at(gone))
  expect(redis.status).toBe('connecting')
  const again = await restartRedis(gone)
  onTestFinished(() => again.stop())
  await until(() => redis.status === 'ready')
  expect(await redis.command('PING')).toBe('PONG')
})

test('a frozen Redis ends a command as unknown, and the command lands all the same', async () => {
  const mine = await redisForTest()
  const redis = await connect({ ...at(mine), commandMs: 300 })
  await until(() => redis.status === 'ready')
  mine.pause()
  const error = await rejection(redis.command('SET', redis.key('m', 'late'), 'landed'))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
  expect(error.details.outcome).toBe('unknown')
  mine.resume()
  await until(async () => {
    const value = await redis.command('GET', redis.key('m', 'late')).catch(() => null)
    return value === 'landed'
  })
})

test('a connection that is killed with a command in flight says that its outcome is unknown', async () => {
  const mine = await redisForTest()
  const redis = await connect(at(mine))
  mine.pause()
  const waiting = rejection(redis.command('SET', redis.key('m', 'x'), '1'))
  await systemClock.sleep(20)
  await mine.kill()
  expect((await waiting).details.outcome).toBe('unknown')
})

test('a full Redis is told as such, and may be tried again', async () => {
  const mine = await redisForTest({ args: ['--maxmemory', '2mb'] })
  const redis = await connect(at(mine))
  const fill = async () => {
    for (let n = 0; n < 64; n += 1)
      await redis.command('SET', redis.key('m', `${n}`), Buffer.alloc(65_536))
  }
  expect(await rejection(fill())).toMatchObject({ code: 'REDIS_FULL', retriable: true })
  const write = redisScript('write', "return redis.call('SET', KEYS[1], ARGV[1])")
  const fillByScript = async () => {
    for (let n = 0; n < 64; n += 1)
      await redis.script(write, [redis.key('s', `${n}`)], [Buffer.alloc(65_536)])
  }
  expect((await rejection(fillByScript())).code).toBe('REDIS_FULL')
})

test('a replica is a Redis that cannot write for now', async () => {
  const replica = await redisForTest({ args: ['--replicaof', '127.0.0.1', `${server!.port}`] })
  const redis = await connect(at(replica))
  const error = await rejection(redis.command('SET', redis.key('m', 'x'), '1'))
  expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retriable: true })
})

test('a key of another kind under our name is no reason to try again', async () => {
  const redis = await connect(at(server!))
  await redis.command('RPUSH', redis.key('m', 'list'), '1')
  const error = await rejection(redis.command('GET', redis.key('m', 'list')))
  expect(error).toMatchObject({ code: 'REDIS_FAILED', retriable: false })
})

describe('what is refused at the start', () => {
  const refusal = async (options: Partial<RedisOptions>) => rejection(connect(options))

  test.each([
    ['allkeys-lru', 'REDIS_UNSUPPORTED'],
    ['allkeys-random', 'REDIS_UNSUPPORTED'],
  ])('maxmemory-policy %s', async (policy, code) => {
    const mine = await redisForTest({ args: ['--maxmemory-policy', policy] })
    expect(await refusal(at(mine))).toMatchObject({ code, retriable: false })
  })

  test('a policy that evicts what has a TTL is only warned of', async () => {
    const mine = await redisForTest({ args: ['--maxmemory-policy', 'volatile-lru'] })
    const log = openFakeLog()
    await connect(at(mine), log)
    expect(log.lines.map(({ message }) => message).join()).toMatch(/volatile-lru/)
  })

  test.each<[string, Partial<RedisOptions>]>([
    ['no place at all', {}],
    ['two places', { ...at({ port: 1 }), cluster: [{ host: '127.0.0.1', port: 1 }] }],
    ['a database of a Cluster', { cluster: [{ host: '127.0.0.1', port: 1 }], db: 1 }],
    ['a Sentinel without a name', { sentinel: { name: '', hosts: [{ host: 'a', port: 1 }] } }],
    ['a Sentinel without hosts', { sentinel: { name: 'main', hosts: [] } }],
    ['a certificate that is not there', { ...at({ port: 1 }), tls: { ca: '/nowhere.pem' } }],
  ])('%s', async (_what, options) => {
    expect((await refusal(options)).code).toBe('REDIS_UNSUPPORTED')
  })

  test('a wrong password, which is told without the password', async () => {
    const mine = await redisForTest({ args: ['--requirepass', 'right'] })
    const error = await refusal({ ...at(mine), password: 'mistaken' })
    expect(error).toMatchObject({ code: 'REDIS_REFUSED', retriable: false })
    expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain('mistaken')
    expect((await refusal(at(mine))).code).toBe('REDIS_REFUSED')
    const redis = await connect({ ...at(mine), password: 'right' })
    expect(redis.status).toBe('ready')
  })

  test('a password that is changed while Redis runs ends in refusals, and mends without a restart', async () => {
    const mine = await redisForTest()
    const redis = await connect(at(mine))
    const operator = (...words: [string, ...string[]]) =>
      ask(`redis://:p@127.0.0.1:${mine.port}`, (other) => other.call(...words))
    await operator('CONFIG', 'SET', 'requirepass', 'p')
    await operator('CLIENT', 'KILL', 'TYPE', 'normal')
    await until(() => redis.status === 'refused')
    expect((await rejection(redis.command('PING'))).code).toBe('REDIS_REFUSED')
    await operator('CONFIG', 'SET', 'requirepass', '')
    await until(() => redis.status === 'ready')
    expect(await redis.command('PING')).toBe('PONG')
  })
})

describe('a user of the ACL', () => {
  const enough = ['on', '>secret', '~test:*', '&test:*', '+@all', '-@admin', '-@dangerous', '+info']
  const ofUser = async (rules: readonly string[]) => {
    const mine = await redisForTest()
    await ask(mine.url, (other) => other.acl('SETUSER', 'antikythera', ...rules))
    return { ...at(mine), username: 'antikythera', password: 'secret' }
  }

  test('needs its own keys and channels only', async () => {
    const redis = await connect(await ofUser(enough))
    await redis.command('SET', redis.key('m', 'x'), '1')
    expect((await rejection(redis.command('SET', 'other', '1'))).code).toBe('REDIS_REFUSED')
  })

  test.each([
    ['no scripts', [...enough, '-@scripting']],
    ['no keys of ours', enough.filter((rule) => !rule.startsWith('~'))],
    ['no channels of ours', ['resetchannels', ...enough.filter((rule) => !rule.startsWith('&'))]],
    ['no writes inside scripts', [...enough, '-set']],
  ])('with %s is refused at the start', async (_what, rules) => {
    const error = await rejection(connect(await ofUser(rules)))
    expect(error).toMatchObject({ code: 'REDIS_REFUSED', retriable: false })
  })

  test('whose rights come back is served again, on a connection that stays', async () => {
    const mine = await redisForTest()
    const rules = (words: readonly string[]) =>
      ask(mine.url, (other) => other.acl('SETUSER', 'antikythera', ...words))
    await rules(enough)
    const redis = await connect({ ...at(mine), username: 'antikythera', password: 'secret' })
    const heard: string[] = []
    redis.subscribe('test:news', (message) => heard.push(message))
    await rules(['-@scripting'])
    await ask(mine.url, (other) => other.client('KILL', 'USER', 'antikythera'))
    await until(() => redis.status === 'refused')
    await rules(['+@scripting'])
    await until(() => redis.status === 'ready')
    expect(await redis.command('INCR', 'test:n')).toBe(1)
    await until(async () => {
      await redis.command('PUBLISH', 'test:news', 'again')
      return heard.includes('again')
    })
  })

  test('without INFO is warned that nothing is known of the server', async () => {
    const log = openFakeLog()
    await connect(await ofUser([...enough, '-info']), log)
    expect(log.lines.map(({ message }) => message).join()).toMatch(/INFO is forbidden/)
  })
})
