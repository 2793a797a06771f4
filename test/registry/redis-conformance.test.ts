/** The fleet's registry on a real Redis: every open has a folder of its own, as every replica has. */
import { afterAll, beforeAll, describe } from 'vitest'
import { registryConformance } from '../conformance/registry.ts'
import { redisIsInstalled, startRedis, type RedisServer } from '../services/redis.ts'
import { freshNamespace, openReplica } from './fleet.ts'
import { plainVersion } from './plain-bundle.mjs'

describe.skipIf(!redisIsInstalled)('on Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  registryConformance('of a fleet', () => {
    const namespace = freshNamespace()
    const open = async () => (await openReplica(server.port, namespace)).registry
    return { open, version: plainVersion }
  })
})
