/** The fleet's registry on a real Redis, alone and as a Cluster, with its bytes in each blob store: every open has a folder of its own, as a replica has. */
import { afterAll, beforeAll, beforeEach, describe, onTestFinished } from 'vitest'
import { openS3 } from '../../src/platform/s3/s3.ts'
import type { BlobStore } from '../../src/versions/blobs/blob-store.ts'
import { openFolderBlobs } from '../../src/versions/blobs/folder.ts'
import { openS3Blobs } from '../../src/versions/blobs/s3.ts'
import { registryConformance } from '../conformance/registry.ts'
import {
  ask,
  needsRedis,
  redisIsInstalled,
  startRedis,
  type RedisServer,
} from '../services/redis.ts'
import { needsS3, s3IsInstalled, startS3, type S3Server } from '../services/s3.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { freshNamespace, openReplica, until } from './fleet.ts'
import { plainVersion } from './plain-bundle.mjs'

describe.each([
  ['server', 'Redis'],
  ['cluster', 'Redis'],
  ['server', 'a folder'],
  ['server', 'S3'],
] as const)('on a %s with bytes in %s', (kind, place) => {
  const isCluster = kind === 'cluster'
  let server: RedisServer | undefined
  beforeAll(async () => {
    if (!redisIsInstalled) return
    server = await startRedis({ args: isCluster ? clusterOfOne : [] })
    if (isCluster) await allSlots(server)
  })
  afterAll(() => server?.stop())
  beforeEach((context) => needsRedis(context))
  let s3: S3Server | undefined
  if (place === 'S3') {
    beforeAll(async () => {
      if (s3IsInstalled) s3 = await startS3()
    })
    afterAll(() => s3?.stop())
    beforeEach((context) => needsS3(context))
  }

  function blobsOf(namespace: string): BlobStore | undefined {
    if (place === 'Redis') return undefined
    if (place === 'a folder') return openFolderBlobs(scratchFolder())
    const client = openS3(s3!.options())
    onTestFinished(() => client.close())
    return openS3Blobs(client, namespace)
  }

  registryConformance('of a fleet', () => {
    const namespace = freshNamespace()
    const port = server!.port
    const cluster = { address: undefined, cluster: [{ host: '127.0.0.1', port }] }
    const connection = isCluster ? cluster : {}
    const blobs = blobsOf(namespace)
    const open = async (remembered = {}) =>
      (await openReplica(port, namespace, { connection, remembered, blobs })).registry
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
