/**
 * The npm packages, exactly as package-lock.json names them. npm runs no install scripts here (.npmrc), so nothing is
 * downloaded but the packages themselves.
 */
import {
  existsSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { SetupError } from './errors.mjs'
import { readJson } from './places.mjs'
import { runTool, which } from './tool.mjs'

export const npmStep = {
  name: 'npm packages (npm ci)',

  /** npm writes node_modules/.package-lock.json last, so it is there only when the installation was completed. */
  done({ places }) {
    const wanted = lockedPackages(places)
    const installed = readJson(join(places.nodeModules, '.package-lock.json'))?.packages
    return (
      installed !== undefined && wanted.every(([path, entry]) => isSame(entry, installed[path]))
    )
  },

  /** A second try repairs a node_modules that an earlier, killed `npm ci` was still writing when the first began. */
  async run(context) {
    const first = await npmCi(context)
    if (first.code === 0) return first.summary
    if (first.missing) throw new SetupError('SETUP_NPM_MISSING')
    const second = await npmCi(context)
    if (second.code === 0) return second.summary
    context.progress.say(second.output.trim())
    throw new SetupError('SETUP_NPM_FAILED', second.stopped ?? `exit code ${second.code}`)
  },
}

async function npmCi({ places, progress }) {
  const paths = lockedPackages(places).map(([path]) => join(places.root, path, 'package.json'))
  const { command, args } = npm(places.env)
  const present = () => paths.filter((path) => existsSync(path)).length
  const flags = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ]
  const result = await runTool(command, [...args, ...flags], {
    cwd: places.root,
    env: places.env,
    onTick: () => progress.doing(`${present()} of ${paths.length} packages`),
  })
  return { ...result, summary: `${present()} packages` }
}

/** The npm that started us if there is one, so that the version is the one that the user chose. */
export function npm(env) {
  const path = env.npm_execpath
  if (path && basename(path) === 'npm-cli.js') return { command: process.execPath, args: [path] }
  return { command: which('npm', env) ?? 'npm', args: [] }
}

/** A checkout gets our own optional packages too; the others that are optional are those of other platforms. */
function lockedPackages({ root }) {
  const locked = readJson(join(root, 'package-lock.json'))?.packages ?? {}
  const own = Object.keys(locked['']?.optionalDependencies ?? {}).map((n) => `node_modules/${n}`)
  return Object.entries(locked).filter(
    ([path, { optional, devOptional, link }]) =>
      path && !link && (own.includes(path) || (!optional && !devOptional)),
  )
}

function isSame(wanted, installed) {
  return installed?.version === wanted.version && installed?.integrity === wanted.integrity
}

/**
 * Makes `npx antikythera` work inside the checkout: npm links the commands of dependencies, but not a package's own.
 */
const TARGET = join('..', '..', 'deploy', 'bootstrap', 'antikythera.mjs')
const WINDOWS_COMMAND = `@node "%~dp0\\${TARGET.replaceAll('/', '\\')}" %*\r\n`

export const npxStep = {
  name: 'the command `npx antikythera`',

  done({ places }) {
    try {
      return process.platform === 'win32' || readlinkSync(link(places)) === TARGET
    } catch {
      return false
    }
  },

  run({ places }) {
    mkdirSync(join(places.nodeModules, '.bin'), { recursive: true })
    if (process.platform === 'win32')
      return void writeFileSync(`${link(places)}.cmd`, WINDOWS_COMMAND)
    const temporary = `${link(places)}.${process.pid}`
    rmSync(temporary, { force: true })
    symlinkSync(TARGET, temporary)
    renameSync(temporary, link(places))
  },
}

const link = (places) => join(places.nodeModules, '.bin', 'antikythera')
