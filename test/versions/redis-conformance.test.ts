/** The fleet's registry on a real Redis, alone and as a Cluster: every open has a folder of its own, as a replica has. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { registryConformance } from '../conformance/registry.ts'
import {
  ask,
  needsRedis,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'
import { freshNamespace, openReplica, until } from './fleet.ts'
import { plainVersion } from './plain-bundle.mjs'

describe.each(['server', 'cluster'] as const)('on a %s', (kind) => {
  const isCluster = kind === 'cluster'
  let server: RedisServer | undefined
  beforeAll(async () => {
    if (!redisIsInstalled) return
    server = await startRedis({ args: isCluster ? clusterOfOne : [] })
    if (isCluster) await allSlots(server)
  })
  afterAll(() => server?.stop())
  beforeEach((context) => needsRedis(context))

  registryConformance('of a fleet', () => {
    const namespace = freshNamespace()
    const port = server!.port
    const cluster = { address: undefined, cluster: [{ host: '127.0.0.1', port }] }
    const connection = isCluster ? cluster : {}
    const open = async (remembered = {}) =>
      (await openReplica(port, namespace, { connection, remembered })).registry
    return { open, version: plainVersion }
  })
})

/** A node that has never met another does not know its own address. */
const clusterOfOne = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']

function allSlots(server: RedisServer): Promise<unknown> {
  return ask(server.url, async (redis) => {
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await until(async () => String(await redis.call('CLUSTER', 'INFO')).includes('state:ok'))
  })
}
