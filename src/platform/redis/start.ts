/**
 * The checks on each new connection to Redis, so that problems are reported at once instead of showing up later: its
 * version, whether it may evict our keys, and whether this user may run scripts, write, publish and listen.
 */
import { failure } from '../errors.ts'
import type { RedisClient } from './client.ts'

const OLDEST = [7, 0] as const

/** Returns warnings; throws errors that need a person. */
export async function checkRedis(
  client: RedisClient,
  namespace: string,
): Promise<readonly string[]> {
  const info = await infoOf(client)
  checkVersion(info)
  const warnings = checkEviction(info)
  await checkRights(client, namespace)
  return warnings
}

/** If INFO is forbidden, nothing is known and nothing is refused. */
async function infoOf(client: RedisClient): Promise<ReadonlyMap<string, string>> {
  try {
    const parts = await Promise.all(['server', 'memory'].map((each) => client.info(each)))
    const lines = parts.join('\n').matchAll(/^([a-z_]+):(.*?)\r?$/gm)
    return new Map([...lines].map(([, key = '', value = '']) => [key, value]))
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return new Map()
    throw error
  }
}

function checkVersion(info: ReadonlyMap<string, string>): void {
  const version = info.get('redis_version')
  if (version === undefined) return
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  throw failure('REDIS_UNSUPPORTED', `Redis ${version} is older than ${OLDEST.join('.')}`)
}

function checkEviction(info: ReadonlyMap<string, string>): readonly string[] {
  const policy = info.get('maxmemory_policy')
  if (policy === undefined)
    return ['INFO is forbidden: Redis’ version and its maxmemory-policy are not known']
  if (policy.startsWith('allkeys'))
    throw failure('REDIS_UNSUPPORTED', `Redis may evict any key: maxmemory-policy is ${policy}`)
  if (policy.startsWith('volatile'))
    return [`Redis may evict leases when its memory is full: maxmemory-policy is ${policy}`]
  return []
}

const PROBE = `redis.call('SET', KEYS[1], '1', 'PX', 1000)
return redis.call('DEL', KEYS[1])`

async function checkRights(client: RedisClient, namespace: string): Promise<void> {
  const probe = `${namespace}:{fleet}:probe`
  try {
    await client.call('EVAL', [PROBE, 1, probe])
  } catch (error) {
    // Full, or a replica for now: the writer will see the error.
    if (!(error instanceof Error) || !/\b(OOM|READONLY|MISCONF|NOREPLICAS)\b/.test(error.message))
      throw error
  }
  await client.publish(probe, '')
  await client.subscribe(probe)
  await client.unsubscribe(probe)
}
