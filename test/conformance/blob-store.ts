/**
 * What every blob store must do, a user's own too. `make` gives an empty one, with ways to harm a blob in it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it, type TestContext } from 'vitest'
import type { Blob, BlobStore, Content, StoredScope } from '../../src/versions/blobs/blob-store.ts'
import { fromBytes, intoBytes, measured, PIECE_BYTES } from '../../src/versions/blobs/pieces.ts'
import { rejection } from '../coded.ts'

export interface MadeBlobs {
  /** The same blobs, opened as another daemon would. */
  open(): Promise<BlobStore> | BlobStore
  /** One byte of the blob is another. */
  flip(blob: Blob): Promise<void>
  /** A part of the blob, or all of it, is gone. */
  tear(blob: Blob): Promise<void>
  close?(): Promise<void> | void
}

/** Sizes around every border between pieces. */
const SIZES = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7]

export function blobOf(scope: string, name: string, bytes: Uint8Array): Blob {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { scope, name, sha256, bytes: bytes.byteLength }
}

export function blobStoreConformance(
  name: string,
  make: (context: TestContext) => Promise<MadeBlobs> | MadeBlobs,
): void {
  const check = (title: string, work: (made: MadeBlobs, blobs: BlobStore) => Promise<void>) =>
    it(title, async (context) => {
      const made = await make(context)
      await work(made, await made.open()).finally(() => made.close?.())
    })
  const random = (scope: string, file: string, size = 10) => {
    const bytes = randomBytes(size)
    return { blob: blobOf(scope, file, bytes), bytes, content: fromBytes(bytes) }
  }
  const read = async (blobs: BlobStore, blob: Blob) =>
    Buffer.from(await intoBytes(blob, blobs.get(blob)))
  const drained = (blobs: BlobStore, blob: Blob) => measured(() => blobs.get(blob))
  const listed = async (blobs: BlobStore) => {
    const all: StoredScope[] = []
    for await (const each of blobs.list()) all.push(each)
    return all.sort((one, other) => (one.scope < other.scope ? -1 : 1))
  }
  const code = async (work: Promise<unknown>) => (await rejection(work)).code

  describe(`blobs ${name}`, () => {
    check('come out as they went in, for another, whatever their size', async (made, blobs) => {
      for (const size of SIZES) {
        const { blob, bytes, content } = random('v1', `of-${size}.bin`, size)
        await blobs.put(blob, content)
        const other = await made.open()
        expect(await other.has(blob)).toBe(true)
        expect((await read(other, blob)).equals(bytes)).toBe(true)
      }
    })

    check('come out in pieces that are bounded', async (_made, blobs) => {
      const { blob, content } = random('v1', 'big.bin', 3 * PIECE_BYTES)
      await blobs.put(blob, content)
      let pieces = 0
      for await (const piece of blobs.get(blob)) {
        expect(piece.byteLength).toBeLessThanOrEqual(PIECE_BYTES)
        pieces += 1
      }
      expect(pieces).toBeGreaterThanOrEqual(3)
    })

    check('go in from pieces of any size', async (_made, blobs) => {
      const { blob, bytes } = random('v1', 'odd.bin', 2 * PIECE_BYTES + 5)
      const odd: Content = async function* () {
        for (let at = 0; at < bytes.byteLength; at += 700_001)
          yield bytes.subarray(at, at + 700_001)
      }
      await blobs.put(blob, odd)
      expect((await read(blobs, blob)).equals(bytes)).toBe(true)
    })

    check('what was never put is missing, and is no error to remove', async (_made, blobs) => {
      for (const size of [0, 10]) {
        const { blob } = random('v1', 'a.bin', size)
        expect(await blobs.has(blob)).toBe(false)
        expect(await code(drained(blobs, blob))).toBe('BLOB_MISSING')
      }
      await blobs.remove('v1')
      expect(await listed(blobs)).toEqual([])
    })

    check('the same again sends nothing', async (_made, blobs) => {
      const { blob, content } = random('v1', 'a.bin', PIECE_BYTES + 1)
      await blobs.put(blob, content)
      const beforePiece = () => {
        throw new Error('sent again')
      }
      await blobs.put(blob, content, { beforePiece })
      await expect(blobs.put(blob, content, { beforePiece, overwrite: true })).rejects.toThrow(
        'sent again',
      )
      expect(await blobs.has(blob)).toBe(true)
    })

    check('another content under the name takes its place', async (_made, blobs) => {
      const [first, second] = [random('v1', 'a.bin', 2 * PIECE_BYTES), random('v1', 'a.bin', 20)]
      await blobs.put(first.blob, first.content)
      await blobs.put(second.blob, second.content)
      expect((await read(blobs, second.blob)).equals(second.bytes)).toBe(true)
      expect(await blobs.has(first.blob)).toBe(false)
      await expect(drained(blobs, first.blob)).rejects.toThrow()
    })

    check('content that is not what was said is refused whole', async (_made, blobs) => {
      const { blob, content } = random('v1', 'a.bin', 2 * PIECE_BYTES)
      for (const wrong of [
        { ...blob, sha256: 'f'.repeat(64) },
        { ...blob, bytes: blob.bytes + 1 },
        { ...blob, bytes: blob.bytes - 1 },
      ]) {
        expect(await code(blobs.put(wrong, content))).toBe('BLOB_CORRUPT')
        expect(await blobs.has(wrong)).toBe(false)
      }
      expect(await listed(blobs)).toEqual([])
    })

    check('an upload that is stopped leaves nothing to see', async (_made, blobs) => {
      const { blob, bytes, content } = random('v1', 'a.bin', 4 * PIECE_BYTES)
      let before = 0
      const stopped = blobs.put(blob, content, {
        beforePiece: () => {
          before += 1
          if (before === 3) throw new Error('stopped')
        },
      })
      await expect(stopped).rejects.toThrow('stopped')
      expect(await blobs.has(blob)).toBe(false)
      expect(await code(drained(blobs, blob))).toBe('BLOB_MISSING')
      expect(await listed(blobs)).toEqual([])
      await blobs.put(blob, content)
      expect((await read(blobs, blob)).equals(bytes)).toBe(true)
    })

    check('content that fails passes its error on', async (_made, blobs) => {
      const { blob, bytes } = random('v1', 'a.bin', 2 * PIECE_BYTES)
      const failing: Content = async function* () {
        yield bytes.subarray(0, PIECE_BYTES)
        throw new Error('the disk is gone')
      }
      await expect(blobs.put(blob, failing)).rejects.toThrow('the disk is gone')
      expect(await blobs.has(blob)).toBe(false)
    })

    check('two uploads of one blob at once are both a success', async (made, blobs) => {
      const { blob, bytes, content } = random('v1', 'a.bin', 2 * PIECE_BYTES)
      const other = await made.open()
      await Promise.all([blobs.put(blob, content), other.put(blob, content)])
      expect((await read(blobs, blob)).equals(bytes)).toBe(true)
    })

    check('an altered blob is found at its end, and put right', async (made, blobs) => {
      const { blob, bytes, content } = random('v1', 'a.bin', 2 * PIECE_BYTES)
      await blobs.put(blob, content)
      await made.flip(blob)
      expect(await code(drained(blobs, blob))).toBe('BLOB_CORRUPT')
      await blobs.put(blob, content, { overwrite: true })
      expect((await read(blobs, blob)).equals(bytes)).toBe(true)
    })

    check('a torn blob is found, and put right', async (made, blobs) => {
      const { blob, bytes, content } = random('v1', 'a.bin', 2 * PIECE_BYTES)
      await blobs.put(blob, content)
      await made.tear(blob)
      expect(['BLOB_MISSING', 'BLOB_CORRUPT']).toContain(await code(drained(blobs, blob)))
      await blobs.put(blob, content, { overwrite: true })
      expect((await read(blobs, blob)).equals(bytes)).toBe(true)
    })

    check('are listed and removed by scope', async (_made, blobs) => {
      const all = [random('v1', 'a.bin', 10), random('v1', 'b.bin', 20), random('v10', 'a.bin', 5)]
      for (const { blob, content } of all) await blobs.put(blob, content)
      const bytesOf = async () =>
        (await listed(blobs)).map(({ scope, bytes }) => [scope, bytes] as const)
      expect(await bytesOf()).toEqual([
        ['v1', 30],
        ['v10', 5],
      ])
      for (const { addedMs } of await listed(blobs)) {
        expect(Math.abs(addedMs - Date.now())).toBeLessThan(60_000)
      }
      // A scope that begins like another is another.
      await blobs.remove('v1')
      expect(await bytesOf()).toEqual([['v10', 5]])
      expect(await code(drained(blobs, all[0]!.blob))).toBe('BLOB_MISSING')
      await blobs.remove('v1')
      await blobs.remove('v10')
      expect(await listed(blobs)).toEqual([])
    })

    check('many scopes are listed all', async (_made, blobs) => {
      const names = Array.from({ length: 25 }, (_, index) => `scope-${index}`)
      for (const scope of names) {
        const { blob, content } = random(scope, 'a.bin')
        await blobs.put(blob, content)
      }
      expect((await listed(blobs)).map(({ scope }) => scope)).toEqual([...names].sort())
    })
  })
}
