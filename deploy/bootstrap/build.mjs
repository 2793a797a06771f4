/**
 * The two halves of `npm run build`, each only when a source changed: the programs, which is all that a demo needs, and
 * by `tsc`, ten times slower, the types and the single modules. The stamp is a hash over paths, sizes and times of all
 * sources, because even an incremental `tsc` that finds nothing to do costs two seconds.
 */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { SetupError } from './errors.mjs'
import { readJson } from './places.mjs'
import { runTool } from './tool.mjs'

const FOLDERS = ['src', 'connectors', 'policies']
const BUNDLER = ['deploy/bootstrap/bundle.mjs', 'deploy/bootstrap/programs.mjs']
const CONFIGS = ['package.json', 'package-lock.json', 'tsconfig.json', ...BUNDLER]

export const programsStep = buildStep({
  name: 'programs (esbuild)',
  stamp: '.programs.json',
  builds: (tool) => tool !== 'tsc',
  /** The bundler leaves nothing old. */
  made: [],
})

export const modulesStep = buildStep({
  name: 'types and modules (tsc)',
  stamp: '.stamp.json',
  builds: (tool) => tool === 'tsc',
  made: [...FOLDERS, '.tsbuildinfo'],
})

function buildStep({ name, stamp, builds, made }) {
  const stampPath = ({ dist }) => join(dist, stamp)
  const stampOf = (places) => readJson(stampPath(places))
  return {
    name,

    done({ places }) {
      return stampOf(places)?.digest === digest(sources(places))
    },

    /** The stamp is taken before the build: a source saved meanwhile is then built the next time. */
    async run({ places, progress }) {
      const found = sources(places)
      const paths = found.map(({ path }) => path)
      // A deleted source would otherwise live on in dist/ and still be found by an import.
      if (stampOf(places)?.paths.some((path) => !paths.includes(path)))
        for (const each of made) rmSync(join(places.dist, each), { recursive: true, force: true })
      const onTick = () => progress.doing(`${found.length} sources`)
      for (const [tool, ...args] of commandsIn(places).filter(([tool]) => builds(tool))) {
        const program = tool === 'node' ? process.execPath : join(places.nodeModules, '.bin', tool)
        const result = await runTool(program, args, { cwd: places.root, env: places.env, onTick })
        if (result.code === 0) continue
        progress.say(result.output.trim())
        const reason = result.stopped ?? `${tool} ended with code ${result.code}`
        throw new SetupError('SETUP_BUILD_FAILED', reason)
      }
      mkdirSync(places.dist, { recursive: true })
      const temporary = `${stampPath(places)}.${process.pid}`
      writeFileSync(temporary, JSON.stringify({ digest: digest(found), paths }))
      renameSync(temporary, stampPath(places))
      return `${found.length} sources`
    },
  }
}

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
