/** River beside ours: its classifiers in their own Python, from a virtual environment in the cache of this user. */
import { fileURLToPath } from 'node:url'
import { pythonWith } from '../../../deploy/bootstrap/python-venv.mjs'
import { runTool, reasonLine } from '../../../deploy/bootstrap/tool.mjs'
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
  return process.env.RIVER_PYTHON || pythonWith('river', RIVER_VERSION, say)
}

async function run(command, args) {
  const result = await runTool(command, args, { timeoutSeconds: 7200 })
  if (result.code === 0 && !result.stopped) return result.output
  throw new Error(`${command} ${args[0]}: ${reasonLine(result)}`)
}
