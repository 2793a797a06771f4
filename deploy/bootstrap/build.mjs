/**
 * TypeScript to dist/, only when a source changed. The stamp is a hash over paths, sizes and times of all sources,
 * because even an incremental `tsc` that finds nothing to do costs two seconds.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { SetupError } from './errors.mjs'
import { readJson } from './places.mjs'
import { runTool } from './tool.mjs'

const FOLDERS = ['src', 'connectors', 'policies']
const CONFIGS = ['package.json', 'package-lock.json', 'tsconfig.json']

export const buildStep = {
  name: 'build (tsc, esbuild)',

  done({ places }) {
    return readJson(stampPath(places))?.digest === digest(sources(places))
  },

  /** The stamp is taken before the build: a source saved meanwhile is then built the next time. */
  async run({ places, progress }) {
    const found = sources(places)
    forgetDeleted(places, found)
    const onTick = () => progress.doing(`${found.length} sources`)
    for (const [tool, ...args] of commandsIn(places)) {
      const options = { cwd: places.root, env: places.env, onTick }
      const result = await runTool(join(places.nodeModules, '.bin', tool), args, options)
      if (result.code === 0) continue
      progress.say(result.output.trim())
      const reason = result.stopped ?? `${tool} ended with code ${result.code}`
      throw new SetupError('SETUP_BUILD_FAILED', reason)
    }
    const stamp = { digest: digest(found), paths: found.map(({ path }) => path) }
    writeFileSync(`${stampPath(places)}.${process.pid}`, JSON.stringify(stamp))
    renameSync(`${stampPath(places)}.${process.pid}`, stampPath(places))
    return `${found.length} sources`
  },
}

const stampPath = ({ dist }) => join(dist, '.stamp.json')

/** `npm run build` is the one place that says how to build. */
function commandsIn({ root }) {
  const { build } = readJson(join(root, 'package.json')).scripts
  return build.split(' && ').map((command) => command.split(' '))
}

function sources({ root }) {
  const files = FOLDERS.flatMap((folder) => walk(join(root, folder)))
  const configs = CONFIGS.map((name) => join(root, name)).filter((path) => existsSync(path))
  return [...configs, ...files].sort().map((file) => {
    const { size, mtimeMs } = statSync(file)
    return { path: relative(root, file), size, mtimeMs }
  })
}

function walk(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return walk(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

function digest(found) {
  return createHash('sha256').update(JSON.stringify(found)).digest('hex')
}

/** A deleted source would otherwise live on in dist/ and still be found by an import. */
function forgetDeleted({ dist, ...places }, found) {
  const now = new Set(found.map(({ path }) => path))
  const before = readJson(stampPath({ dist, ...places }))?.paths ?? []
  if (before.some((path) => !now.has(path))) rmSync(dist, { recursive: true, force: true })
}
