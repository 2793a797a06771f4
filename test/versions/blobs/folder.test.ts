/** Blobs in a folder: the suite of every store, and what is particular to a folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Blob } from '../../../src/versions/blobs/blob-store.ts'
import { openFolderBlobs } from '../../../src/versions/blobs/folder.ts'
import { fromBytes } from '../../../src/versions/blobs/pieces.ts'
import { rejection } from '../../coded.ts'
import { blobOf, blobStoreConformance } from '../../conformance/blob-store.ts'
import { scratchFolder } from '../../scratch-folder.ts'

blobStoreConformance('in a folder', () => {
  const folder = scratchFolder()
  const pathOf = ({ scope, name }: Blob) => join(folder, scope, name)
  return {
    open: () => openFolderBlobs(folder),
    flip: async (blob) => {
      const bytes = readFileSync(pathOf(blob))
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(pathOf(blob), bytes)
    },
    tear: async (blob) => {
      writeFileSync(pathOf(blob), readFileSync(pathOf(blob)).subarray(0, -3))
    },
  }
})

test('a blob is a file under its name, which any program opens', async () => {
  const folder = scratchFolder()
  const bytes = Buffer.from('{"rank": 8}')
  await openFolderBlobs(folder).put(blobOf('v1', 'adapter_config.json', bytes), fromBytes(bytes))
  expect(readFileSync(join(folder, 'v1', 'adapter_config.json'), 'utf8')).toBe('{"rank": 8}')
})

test('a folder that cannot be written is a fault of the store that may pass', async () => {
  const place = join(scratchFolder(), 'file')
  writeFileSync(place, '')
  const bytes = Buffer.from('x')
  const error = await rejection(
    openFolderBlobs(place).put(blobOf('v1', 'a.bin', bytes), fromBytes(bytes)),
  )
  expect(error).toMatchObject({ code: 'BLOBS_UNAVAILABLE', retriable: true })
})

test('a scope whose writer was killed on the way is listed, so that it can be removed', async () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'c-1'))
  writeFileSync(join(folder, 'c-1', '.unfinished-1'), 'half')
  const blobs = openFolderBlobs(folder)
  const listed: string[] = []
  for await (const { scope, bytes } of blobs.list()) listed.push(`${scope}: ${bytes}`)
  expect(listed).toEqual(['c-1: 4'])
})
