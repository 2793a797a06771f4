/**
 * TRL for benches: an environment in the cache of benches, on top of the one with torch and PEFT that set-up has fetched. It is made once,
 * and is no dependency.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { peftPython } from '../../deploy/bootstrap/peft.mjs'
import { userCache } from '../../dist/src/platform/user-cache.js'
import { say } from './figures.mjs'

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
  const folder = join(userCache(), 'bench', `trl-${TRL}`)
  const python = join(folder, 'bin', 'python')
  if (existsSync(python)) return python
  const peft = peftPython()
  if (peft === undefined) throw new Error('no PEFT in the cache: npm run setup -- --tests')
  say(`installing TRL ${TRL} into ${folder}`)
  const work = `${folder}.work`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  execFileSync(peft, ['-m', 'venv', work])
  const inWork = join(work, 'bin', 'python')
  const words = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:']
  execFileSync(inWork, [...words, ...PACKAGES], { stdio: ['ignore', 'inherit', 'inherit'] })
  const packagesIn = (venv) => {
    const [version] = readdirSync(join(venv, 'lib')).filter((name) => name.startsWith('python3'))
    return join(venv, 'lib', version, 'site-packages')
  }
  const line = `import site; site.addsitedir(${JSON.stringify(packagesIn(dirname(dirname(peft))))})\n`
  writeFileSync(join(packagesIn(work), 'peft.pth'), line)
  renameSync(work, folder)
  return python
}
