/** Blobs in S3, on a real server: the suite of every store, and what is particular to S3. */
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openS3, type S3Options } from '../../../src/platform/s3/s3.ts'
import type { Blob } from '../../../src/versions/blobs/blob-store.ts'
import { fromBytes, intoBytes, PIECE_BYTES } from '../../../src/versions/blobs/pieces.ts'
import { probeBlobs } from '../../../src/versions/blobs/open.ts'
import { openS3Blobs } from '../../../src/versions/blobs/s3.ts'
import { rejection } from '../../coded.ts'
import { blobOf, blobStoreConformance } from '../../conformance/blob-store.ts'
import { needsS3, s3ForTest, s3IsInstalled, startS3, type S3Server } from '../../services/s3.ts'

const MiB = 1024 * 1024
let server: S3Server
beforeAll(async () => {
  if (s3IsInstalled) server = await startS3()
})
afterAll(async () => {
  if (s3IsInstalled) await server.stop()
})
beforeEach((context) => needsS3(context))

let prefixes = 0
const freshPrefix = () => `t${(prefixes += 1)}/m`

function connect(changes?: Partial<S3Options>) {
  const s3 = openS3(server.options(changes))
  onTestFinished(() => s3.close())
  return s3
}

blobStoreConformance('in S3', () => {
  const [s3, prefix] = [connect(), freshPrefix()]
  const key = ({ scope, name }: Blob) => `${prefix}/${scope}/${name}`
  const bytesOf = async (blob: Blob) => {
    const parts: Uint8Array[] = []
    for await (const piece of (await s3.get(key(blob)))!) parts.push(piece)
    return Buffer.concat(parts)
  }
  return {
    open: () => openS3Blobs(s3, prefix),
    flip: async (blob) => {
      const bytes = await bytesOf(blob)
      bytes[bytes.length >> 1]! ^= 1
      await s3.put(key(blob), bytes, blob.sha256)
    },
    tear: async (blob) => {
      await s3.put(key(blob), (await bytesOf(blob)).subarray(0, -3), blob.sha256)
    },
  }
})

describe('a large blob', () => {
  test('goes in parts, and shows only when it is whole', async () => {
    const blobs = openS3Blobs(connect(), freshPrefix())
    const bytes = randomBytes(20 * MiB + 1)
    const blob = blobOf('copy', 'state.db', bytes)
    let seen = true
    await blobs.put(blob, fromBytes(bytes), {
      beforePiece: async () => {
        seen &&= !(await blobs.has(blob))
      },
    })
    expect(seen).toBe(true)
    expect(Buffer.from(await intoBytes(blob, blobs.get(blob))).equals(bytes)).toBe(true)
  })

  test('that is stopped or altered on the way leaves no parts behind', async () => {
    const [prefix, bytes] = [freshPrefix(), randomBytes(20 * MiB)]
    const blobs = openS3Blobs(connect(), prefix)
    const blob = blobOf('copy', 'state.db', bytes)
    const stopped = blobs.put({ ...blob, sha256: 'a'.repeat(64) }, fromBytes(bytes))
    expect((await rejection(stopped)).code).toBe('BLOB_CORRUPT')
    let pieces = 0
    const beforePiece = () => {
      pieces += 1
      if (pieces === 15) throw new Error('killed')
    }
    await expect(blobs.put(blob, fromBytes(bytes), { beforePiece })).rejects.toThrow('killed')
    const uploads = await fetch(`${server.url}/antikythera-test?uploads`)
    expect(await uploads.text()).not.toContain('<Upload>')
  })

  test('takes little memory', async () => {
    const blobs = openS3Blobs(connect(), freshPrefix())
    const piece = randomBytes(PIECE_BYTES)
    const content = async function* () {
      for (let index = 0; index < 96; index += 1) yield piece
    }
    const whole = Buffer.concat(Array.from({ length: 96 }, () => piece))
    const blob = blobOf('copy', 'state.db', whole)
    const before = process.memoryUsage().rss
    let most = 0
    const watch = () => {
      most = Math.max(most, process.memoryUsage().rss)
    }
    await blobs.put(blob, content, { beforePiece: watch })
    for await (const each of blobs.get(blob)) {
      expect(each.byteLength).toBeLessThanOrEqual(PIECE_BYTES)
      watch()
    }
    expect(most - before).toBeLessThan(64 * MiB)
  })
})

describe('a fault', () => {
  const bytes = Buffer.from('bytes')
  const blob = blobOf('v1', 'a.bin', bytes)
  const faultOf = async (options: S3Options) => {
    const s3 = openS3(options)
    onTestFinished(() => s3.close())
    const blobs = openS3Blobs(s3, freshPrefix())
    const error = await rejection(blobs.put(blob, fromBytes(bytes)))
    return { error, other: await rejection(intoBytes(blob, blobs.get(blob))) }
  }

  test('of the keys is refused by code, and no key is in the message', async () => {
    const guarded = await s3ForTest()
    const keys = await guarded.guard()
    const good = openS3(guarded.options({ keys }))
    onTestFinished(() => good.close())
    await probeBlobs(openS3Blobs(good, 'ours'))
    for (const wrong of [
      { access: 'AKIAUNKNOWN', secret: 'open-sesame-1' },
      { ...keys, secret: 'open-sesame-2' },
    ]) {
      const { error, other } = await faultOf(guarded.options({ keys: wrong }))
      expect([error.code, other.code]).toEqual(['BLOBS_REFUSED', 'BLOBS_REFUSED'])
      // Nor anything of the request, which is signed and may hold a token.
      const said = inspect([error, other], { depth: 20, showHidden: true })
      for (const secret of ['open-sesame', keys.secret, 'Signature=', 'authorization'])
        expect(said).not.toContain(secret)
    }
  })

  test('of the bucket is one of the config', async () => {
    const { error, other } = await faultOf(server.options({ bucket: 'nowhere' }))
    expect([error.code, other.code]).toEqual(['BLOBS_BUCKET_UNKNOWN', 'BLOBS_BUCKET_UNKNOWN'])
    expect(error.message).toContain('nowhere')
  })

  test.each(['http://127.0.0.1:9', 'http://nowhere.invalid:9000'])(
    'of the endpoint %s may pass',
    async (endpoint) => {
      const { error, other } = await faultOf(server.options({ endpoint }))
      expect(error).toMatchObject({ code: 'BLOBS_UNAVAILABLE', retriable: true })
      expect(other.code).toBe('BLOBS_UNAVAILABLE')
      expect(error.message).toContain(endpoint)
    },
  )

  test('of a server that goes away may pass', async () => {
    const mine = await s3ForTest()
    const s3 = openS3(mine.options())
    onTestFinished(() => s3.close())
    const blobs = openS3Blobs(s3, 'ours')
    await blobs.put(blob, fromBytes(bytes))
    await mine.stop()
    const error = await rejection(blobs.put({ ...blob, name: 'b.bin' }, fromBytes(bytes)))
    expect(error).toMatchObject({ code: 'BLOBS_UNAVAILABLE', retriable: true })
  })
})
