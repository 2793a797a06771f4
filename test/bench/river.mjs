/** River beside ours: its classifiers in their own Python, from a virtual environment in the cache of this user. */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { places } from '../../deploy/bootstrap/places.mjs'
import { runTool, reasonLine } from '../../deploy/bootstrap/tool.mjs'
import { which } from '../../deploy/bootstrap/which.mjs'
import { say } from './figures.mjs'

export const RIVER_VERSION = '0.26.1'

const program = fileURLToPath(new URL('river-stream.py', import.meta.url))

/** Accuracy, test then train, and examples a second of CPU of one classifier on one stream. */
export async function riverOn(model, path, seed) {
  const output = await python([program, model, path, String(seed)])
  const { accuracy, per_second: perSecond } = JSON.parse(output.trim().split('\n').at(-1))
  return { accuracy, perSecond }
}

async function python(args) {
  return run(await riverPython(), args)
}

/** `RIVER_PYTHON`, or the one in the cache, which is installed if it is missing. */
export async function riverPython() {
  if (process.env.RIVER_PYTHON) return process.env.RIVER_PYTHON
  const folder = join(places().cache, `river-${RIVER_VERSION}`)
  const interpreter = join(folder, 'bin', 'python')
  if (!existsSync(interpreter)) await install(folder)
  return interpreter
}

async function install(folder) {
  const system = which('python3')
  if (system === undefined) throw new Error('River needs python3 with venv and pip')
  say(`installing River ${RIVER_VERSION} into ${folder}`)
  const work = `${folder}.work`
  await run(system, ['-m', 'venv', work])
  const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', `river==${RIVER_VERSION}`]
  await run(join(work, 'bin', 'python'), pip)
  renameSync(work, folder)
}

async function run(command, args) {
  const result = await runTool(command, args, { timeoutSeconds: 7200 })
  if (result.code === 0 && !result.stopped) return result.output
  throw new Error(`${command} ${args[0]}: ${reasonLine(result)}`)
}
