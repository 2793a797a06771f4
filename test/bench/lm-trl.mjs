/** TRL for benches, which writes preferences with the torch and PEFT that set-up has fetched. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pythonOnPeft } from './python-on-peft.mjs'

export const TRL = '1.16.0'
/** Without their own dependencies: the rest is there, and torch would ask for 2.5 GB of CUDA. */
const PACKAGES = [
  `trl==${TRL}`,
  'datasets==5.2.0',
  ...['dill==0.4.1', 'multiprocess==0.70.19', 'pandas==3.1.1', 'pyarrow==26.0.1'],
  ...['python-dateutil==4.0.0', 'tzdata==2026.6', 'xxhash==4.1.0'],
]

/** Runs `lm-preferences.py` on `plan.json` in a folder, which gets the adapter that it made as `made`. */
export async function runTrl(folder, model, { threads = 2 } = {}) {
  const program = fileURLToPath(new URL('lm-preferences.py', import.meta.url))
  const env = { ...process.env, OMP_NUM_THREADS: `${threads}`, TRL_EXPERIMENTAL_SILENCE: '1' }
  const child = spawn(trlPython(), [program, folder, model, `${threads}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`TRL ended with ${code}`)
  return JSON.parse(output.trimEnd().split('\n').at(-1))
}

export function trlPython() {
  return pythonOnPeft(`trl-${TRL}`, PACKAGES, ['--no-deps'])
}
