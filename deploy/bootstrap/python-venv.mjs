/**
 * A virtual environment of Python in the cache that all checkouts of this user share: made under a temporary name, filled
 * with pinned packages, tried, and renamed, so that it is there whole or not at all.
 */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './errors.mjs'
import { places as standardPlaces } from './places.mjs'
import { runTool, reasonLine } from './tool.mjs'
import { which } from './which.mjs'

/** The wheels are used once; a copy of them in pip's cache is of no use. */
const PIP = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--no-deps',
  '--no-cache-dir',
  '--only-binary=:all:',
]

/**
 * `<id>-<version>` in the cache, with the packages of `<id>/requirements.txt`: the step that makes it, and its interpreter, undefined
 * if set-up has not made it. `proof` is Python that runs at the end, `finish(work, context)` runs before it, and a failure is the
 * set-up error `code`.
 */
export function pythonEnvironment({ id, version, title, proof, finish, code }) {
  const requirements = fileURLToPath(new URL(`${id}/requirements.txt`, import.meta.url))
  const folderIn = ({ cache }) => join(cache, `${id}-${version}`)
  const python = (places = standardPlaces()) => venvPython(folderIn(places))
  const step = {
    name: title,
    done: ({ places }) => python(places) !== undefined,
    async run(context) {
      const folder = folderIn(context.places)
      await makeVenv({ folder, requirements, proof, finish, code }, context)
      return folder
    },
  }
  return { step, python }
}

async function makeVenv({ folder, requirements, proof, finish, code }, context) {
  const python = which('python3', context.places.env)
  if (!python) throw new SetupError('SETUP_PYTHON_MISSING')
  // Kept when it is stopped: pip then passes over what is installed already.
  const work = `${folder}.work`
  const inWork = join(work, 'bin', 'python')
  const tool = (command, args, doing) => run(command, args, { doing, code, ...context })
  if (!existsSync(inWork)) await tool(python, ['-m', 'venv', work], 'making the venv')
  await tool(inWork, [...PIP, '-r', requirements], 'pip install')
  await finish?.(work, context)
  await tool(inWork, ['-c', proof], 'loading it')
  renameSync(work, folder)
}

function venvPython(folder) {
  const python = join(folder, 'bin', 'python')
  return existsSync(python) ? python : undefined
}

async function run(command, args, { doing, code, places, progress }) {
  const result = await runTool(command, args, {
    env: places.env,
    timeoutSeconds: 900,
    onTick: () => progress.doing(doing),
  })
  if (result.code === 0 && !result.stopped) return
  progress.say(result.output.trim())
  throw new SetupError(code, `${doing}: ${reasonLine(result)}`)
}
