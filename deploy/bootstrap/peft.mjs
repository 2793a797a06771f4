/**
 * The real Hugging Face PEFT, which the tests of the exchange of adapters run against: a virtual environment in the
 * cache that all checkouts of this user share. Wanted in CI; 1.5 GB of disk.
 */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './errors.mjs'
import { findCompiler } from './native/compile.mjs'
import { standIn } from './peft/cpu-torch.mjs'
import { places as standardPlaces } from './places.mjs'
import { runTool, tellingLine } from './tool.mjs'
import { which } from './which.mjs'

/** Raised with anything in requirements.txt or cpu-torch.mjs. */
export const PEFT_VERSION = '0.21.2-1'

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), 'peft', 'requirements.txt')
const PROOF =
  'import torch, transformers, peft; print(float((torch.ones(2, 2) @ torch.ones(2, 2)).sum()))'

export const peftStep = {
  name: `Hugging Face PEFT ${PEFT_VERSION} with torch, for its tests`,

  done: ({ places }) => peftPython(places) !== undefined,

  async run(context) {
    const { places } = context
    const python = which('python3', places.env)
    if (!python) throw new SetupError('SETUP_PYTHON_MISSING')
    // Kept when it is stopped: pip then passes over what is installed already.
    const work = `${folderIn(places)}.work`
    const inWork = join(work, 'bin', 'python')
    if (!existsSync(inWork)) await tool(python, ['-m', 'venv', work], 'making the venv', context)
    await tool(inWork, [...PIP, '-r', REQUIREMENTS], 'pip install', context)
    await makeItRun(work, context)
    await tool(inWork, ['-c', PROOF], 'loading it', context)
    renameSync(work, folderIn(places))
    return `${folderIn(places)}`
  },
}

/** The interpreter that can import peft, or undefined where set-up has not fetched it. */
export function peftPython(places = standardPlaces()) {
  const python = join(folderIn(places), 'bin', 'python')
  return existsSync(python) ? python : undefined
}

const folderIn = ({ cache }) => join(cache, `peft-${PEFT_VERSION}`)

/** The wheels are used once; a copy of 540 MB in pip's cache helps nobody. */
const PIP = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--no-deps',
  '--no-cache-dir',
  '--only-binary=:all:',
]

async function makeItRun(work, { places }) {
  if (process.platform !== 'linux') return
  const compiler = findCompiler(places.env)
  if (!compiler) throw new SetupError('SETUP_PEFT_FAILED', 'no C++ compiler was found')
  const lib = join(work, 'lib')
  const name = readdirSync(lib).find((entry) => entry.startsWith('python3'))
  const scratch = join(work, 'standins')
  await standIn(join(lib, name, 'site-packages'), { compiler, work: scratch, env: places.env })
  rmSync(scratch, { recursive: true, force: true })
}

async function tool(command, args, doing, { places, progress }) {
  const result = await runTool(command, args, {
    env: places.env,
    timeoutSeconds: 900,
    onTick: () => progress.doing(doing),
  })
  if (result.code === 0 && !result.stopped) return
  progress.say(result.output.trim())
  throw new SetupError('SETUP_PEFT_FAILED', `${doing}: ${tellingLine(result)}`)
}
