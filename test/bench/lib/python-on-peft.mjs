/**
 * Python for a peer: an environment in the cache of benches, on top of the one with torch and PEFT that set-up has fetched. It is made
 * once, and is no dependency.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { say } from './figures.mjs'

/** The interpreter. `name` is that of the folder; `words` are pip's own. */
export function pythonOnPeft(name, packages, words = []) {
  const folder = join(userCache(), 'bench', name)
  const python = join(folder, 'bin', 'python')
  if (existsSync(python)) return python
  const peft = peftPython()
  if (peft === undefined) throw new Error('no PEFT in the cache: npm run setup -- --tests')
  say(`installing ${packages[0]} into ${folder}`)
  const work = `${folder}.work`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  execFileSync(peft, ['-m', 'venv', work])
  const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', ...words]
  const stdio = ['ignore', 'inherit', 'inherit']
  execFileSync(join(work, 'bin', 'python'), [...pip, ...packages], { stdio })
  const line = `import site; site.addsitedir(${JSON.stringify(packagesIn(dirname(dirname(peft))))})\n`
  writeFileSync(join(packagesIn(work), 'peft.pth'), line)
  renameSync(work, folder)
  return python
}

function packagesIn(venv) {
  const [version] = readdirSync(join(venv, 'lib')).filter((name) => name.startsWith('python3'))
  return join(venv, 'lib', version, 'site-packages')
}
