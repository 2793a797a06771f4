/**
 * A real Redis for tests. Where `redis-server` is not installed, tests that need it are skipped with that reason, which
 * test/run.mjs tells loudly and counts as a failure with CI=true.
 */
import { Redis } from 'ioredis'
import { onTestFinished, type TestContext } from 'vitest'
import {
  redisServerVersion,
  startRedisServer,
  type RedisServer,
  type RedisServerOptions,
} from '../../src/cli/services/redis-server.ts'

export type { RedisServer } from '../../src/cli/services/redis-server.ts'

export const redisIsInstalled = redisServerVersion() !== undefined

/** First line of a test that needs Redis: `needsRedis(context)`. In a hook, ask `redisIsInstalled`. */
export function needsRedis(context: TestContext): void {
  if (!redisIsInstalled)
    context.skip('redis-server is not installed (apt-get install redis-server)')
}

/** The caller stops it: in `afterAll`, or by `redisForTest` at the end of the test. */
export const startRedis: (options?: RedisServerOptions) => Promise<RedisServer> = startRedisServer

/** One that is gone when the test has finished. */
export async function redisForTest(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

/** The same port again, after `kill` or `stop`: what a restart of the service looks like to its clients. */
export function restartRedis(
  server: RedisServer,
  args: readonly string[] = [],
): Promise<RedisServer> {
  return startRedis({ port: server.port, args })
}

/** A replica of `main` that has caught up. */
export async function startReplica(
  main: RedisServer,
  options: RedisServerOptions = {},
): Promise<RedisServer> {
  const follow = ['--replicaof', '127.0.0.1', String(main.port)]
  const replica = await startRedis({ ...options, args: [...follow, ...(options.args ?? [])] })
  await ask(replica.url, async (redis) => {
    while (!(await redis.info('replication')).includes('master_link_status:up'))
      await new Promise((resolve) => setTimeout(resolve, 20))
  })
  return replica
}

/** Cuts the replica off, so that what `main` acknowledges from now on never reaches it. */
export async function detach(replica: RedisServer): Promise<void> {
  await ask(replica.url, (redis) => redis.replicaof('NO', 'ONE'))
}

/**
 * A failover that loses what was written since `detach`: the old main dies, and a server with the replica's data answers
 * on its port, as a virtual address or a proxy would have it. The replica's own process is used up.
 */
export async function failOver(main: RedisServer, replica: RedisServer): Promise<RedisServer> {
  await main.kill()
  const next = await startReplicaOn(main.port, replica)
  await detach(next)
  await replica.stop()
  return next
}

function startReplicaOn(port: number, of: RedisServer): Promise<RedisServer> {
  return startReplica(of, { port })
}

/** One connection of the test's own, for what the code under test never does. */
export async function ask<Result>(
  url: string,
  work: (redis: Redis) => Promise<Result>,
): Promise<Result> {
  const redis = new Redis(url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
