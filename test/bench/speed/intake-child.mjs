/** One run of the intake measurement in a process of its own: `plan` is what intake-run.mjs takes, its line of JSON is the answer. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export function runOnce(plan) {
  const program = fileURLToPath(new URL('intake-run.mjs', import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', program, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((resolve, reject) =>
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`a run ended with ${code}`)),
    ),
  )
}
