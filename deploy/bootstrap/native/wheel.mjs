/**
 * Stage 2: a build of tfjs-node's own addon against the libraries inside the PyPI wheel of TensorFlow. Needs pip (any
 * version of Python: the wheel is chosen by its tags, and only unpacked) and a C++ compiler; takes under a minute.
 */
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  createReadStream,
  createWriteStream,
} from 'node:fs'
import { join, dirname } from 'node:path'
import { open } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'
import { megabytes } from '../progress.mjs'
import { compileBinding, findCompiler } from './compile.mjs'
import { downloadWheel, findPip } from './download.mjs'
import { BINDING, LIBRARIES, buildFolder, discard, link } from './installed.mjs'

/**
 * A reader for zip files, only as much of it as a wheel needs: the list of entries, and one entry streamed to disk.
 * Node.js has none of its own, and neither unzip nor Python's zipfile can be counted on.
 *
 * Format: PKWARE APPNOTE 6.3; end of central directory, central directory, local headers. No zip64 (no entry or
 * archive over 4 GB) and no encryption.
 */
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

/** sha256 of the wheel as published. x64 is proven by our tests; the arm64 wheel has the same parts. */
const WHEELS = {
  'linux-x64': {
    requirement: 'tensorflow-cpu==2.21.0',
    platform: 'manylinux_2_27_x86_64',
    bytes: 273_829_956,
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  },
  'linux-arm64': {
    requirement: 'tensorflow==2.21.0',
    platform: 'manylinux_2_27_aarch64',
    bytes: 281_828_020,
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  },
}

const WANTED = [
  /^tensorflow\/(libtensorflow_(?:cc|framework)\.so\.2)$/,
  /^tensorflow\/(include\/tensorflow\/c\/.*\.h)$/,
  /^tensorflow\/(include\/(?:tensorflow\/core|tsl)\/platform\/ctstring.*\.h)$/,
  /^tensorflow\/(include\/xla\/tsl\/c\/.*\.h)$/,
]

export const wheelStage = {
  stage: 'wheel',
  title: 'Build against the PyPI wheel',

  async reach(context) {
    const { places } = context
    const wheel = WHEELS[`${process.platform}-${process.arch}`]
    if (!wheel)
      return { ok: false, reason: `there is no such wheel for ${process.platform}-${process.arch}` }
    const missing = await whatIsMissing(places)
    if (missing.length > 0) {
      const fix = `install ${missing.join(' and ')} (Debian: apt-get install python3-pip g++), then npx antikythera setup`
      return { ok: false, reason: `missing: ${missing.join(', ')}`, fix }
    }
    await build(wheel, context)
    link(places, 'wheel')
    return { ok: true, reason: `built from ${wheel.requirement}` }
  },

  async undo({ places }) {
    discard(places, 'wheel')
  },
}

async function whatIsMissing({ env }) {
  const missing = []
  if (!(await findPip(env))) missing.push('pip')
  if (!findCompiler(env)) missing.push('g++')
  return missing
}

/** Everything happens in a temporary folder, which gets its name as the very last act. */
async function build(wheel, context) {
  const { places, progress } = context
  const folder = buildFolder(places, 'wheel')
  const temporary = `${folder}.${process.pid}.tmp`
  removeLeftovers(join(places.cache, 'native'))
  const file = await downloadWheel(wheel, context)
  await unpack(file, temporary, progress)
  await compileBinding(
    { temporary, binding: join(temporary, BINDING), libraries: join(temporary, LIBRARIES) },
    context,
  )
  rmSync(join(temporary, 'include'), { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  renameSync(temporary, folder)
  rmSync(file)
}

async function unpack(file, temporary, progress) {
  const zip = await openZip(file)
  const wanted = zip.entries.flatMap((entry) => {
    const part = WANTED.map((pattern) => pattern.exec(entry.name)?.[1]).find(Boolean)
    return part ? [{ entry, part }] : []
  })
  const all = wanted.reduce((sum, { entry }) => sum + entry.size, 0)
  let before = 0
  try {
    for (const { entry, part } of wanted) {
      const target = join(temporary, part.startsWith('include/') ? '' : LIBRARIES, part)
      await zip.extract(entry, target, (done) =>
        progress.doing(`Unpacking: ${megabytes(before + done)} of ${megabytes(all)}`),
      )
      before += entry.size
    }
  } finally {
    await zip.close()
  }
}

/** Set-ups that were killed; the lock says that no other one is at work. */
function removeLeftovers(folder) {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp')) rmSync(join(folder, name), { recursive: true, force: true })
  }
}
