import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openZip } from '../../deploy/bootstrap/native/wheel.mjs'
import { makeCheckout } from './checkout.ts'

/** A zip file of one deflated entry; the reader looks at no checksum, because the whole file has a pinned hash. */
function zipOf(name: string, content: Buffer, claimedSize = content.length): Buffer {
  const packed = deflateRawSync(content)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(name.length, 26)
  local.writeUInt16LE(4, 28)
  const head = Buffer.concat([local, Buffer.from(name), Buffer.alloc(4), packed])
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(8, 10)
  central.writeUInt32LE(packed.length, 20)
  central.writeUInt32LE(claimedSize, 24)
  central.writeUInt16LE(name.length, 28)
  const directory = Buffer.concat([central, Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(head.length, 16)
  return Buffer.concat([head, directory, end])
}

async function extractFirst(bytes: Buffer): Promise<Buffer> {
  const { places, write } = makeCheckout()
  write('out/.keep', '')
  const path = join(places.root, 'a.whl')
  writeFileSync(path, bytes)
  const zip = await openZip(path)
  const target = join(places.root, 'out', 'entry')
  try {
    await zip.extract(zip.entries[0]!, target)
  } finally {
    await zip.close()
  }
  return readFileSync(target)
}

test('an entry comes out of a wheel as it went in', async () => {
  const content = Buffer.from('gears '.repeat(10_000))
  expect((await extractFirst(zipOf('tensorflow/lib.so', content))).equals(content)).toBe(true)
})

test('an entry of another size than the directory says is torn', async () => {
  await expect(extractFirst(zipOf('lib.so', Buffer.from('gears'), 9))).rejects.toThrow('torn')
})

test('a file that is no zip is refused', async () => {
  await expect(extractFirst(Buffer.from('<html>blocked</html>'))).rejects.toThrow('not a zip file')
})

test.runIf(process.platform === 'linux')('a file that is refused is closed', async () => {
  const path = join(makeCheckout().places.root, 'a.whl')
  writeFileSync(path, 'no zip')
  await expect(openZip(path)).rejects.toThrow('not a zip file')
  expect(openFiles()).not.toContain(path)
})

function openFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((file) => {
    try {
      return [readlinkSync(`/proc/self/fd/${file}`)]
    } catch {
      // The folder's own, which is closed by now.
      return []
    }
  })
}
