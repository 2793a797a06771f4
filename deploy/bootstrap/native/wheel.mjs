/**
 * Stage 2: a build of tfjs-node's own addon against the libraries inside the PyPI wheel of TensorFlow. Needs pip (any
 * version of Python: the wheel is chosen by its tags, and only unpacked) and a C++ compiler; takes under a minute.
 */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compileBinding, findCompiler } from './compile.mjs'
import { downloadWheel, findPip } from './download.mjs'
import { BINDING, LIBRARIES, buildFolder, discard, link } from './installed.mjs'
import { openZip } from './zip.mjs'
import { megabytes } from '../progress.mjs'

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
