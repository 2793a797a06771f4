/**
 * A reader for zip files, only as much of it as a wheel needs: the list of entries, and one entry streamed to disk.
 * Node.js has none of its own, and neither unzip nor Python's zipfile can be counted on.
 *
 * Format: PKWARE APPNOTE 6.3; end of central directory, central directory, local headers. No zip64 (no entry or
 * archive over 4 GB) and no encryption.
 */
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'

const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const COMMENT_MAX_BYTES = 65_535
const STORED = 0
const DEFLATED = 8

/** @param {string} path */
export async function openZip(path) {
  const handle = await open(path)
  const entries = await entriesIn(handle).catch(async (error) => {
    await handle.close()
    throw error
  })
  return {
    entries,
    close: () => handle.close(),
    /** Writes the entry to `target`; `onBytes(done)` follows how far it is. */
    async extract(entry, target, onBytes = () => {}) {
      mkdirSync(dirname(target), { recursive: true })
      const start = await dataStart(handle, entry)
      const reading = createReadStream(path, {
        start,
        end: start + entry.packedSize - 1,
        highWaterMark: 1 << 20,
      })
      const inflating = entry.method === DEFLATED ? [createInflateRaw({ chunkSize: 1 << 20 })] : []
      const counter = counting(onBytes)
      await pipeline(reading, ...inflating, counter.stream, createWriteStream(target))
      if (counter.total() !== entry.size)
        throw new Error(`error in the wheel: ${entry.name} is torn`)
    },
  }
}

async function entriesIn(handle) {
  return parseDirectory(...(await readDirectory(handle)))
}

async function readDirectory(handle) {
  const { size } = await handle.stat()
  const tail = await readAt(handle, Math.max(0, size - END_BYTES - COMMENT_MAX_BYTES), size)
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue
    const [bytes, offset] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)]
    return [await readAt(handle, offset, offset + bytes), tail.readUInt16LE(at + 10)]
  }
  throw new Error('error: not a zip file')
}

function parseDirectory(directory, count) {
  const entries = []
  let at = 0
  for (let index = 0; index < count; index++) {
    const nameBytes = directory.readUInt16LE(at + 28)
    const entry = {
      name: directory.toString('utf8', at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      packedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    }
    if ([STORED, DEFLATED].includes(entry.method) && entry.packedSize > 0) entries.push(entry)
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** The local header repeats the name, and may have other extra fields than the directory. */
async function dataStart(handle, { offset }) {
  const header = await readAt(handle, offset, offset + 30)
  return offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
}

async function readAt(handle, start, end) {
  const buffer = Buffer.alloc(end - start)
  await handle.read(buffer, 0, buffer.length, start)
  return buffer
}

function counting(onBytes) {
  let total = 0
  const stream = new Transform({
    transform(chunk, _encoding, done) {
      total += chunk.length
      onBytes(total)
      done(null, chunk)
    },
  })
  return { stream, total: () => total }
}
