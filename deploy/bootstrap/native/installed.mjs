/**
 * Stage 1, what is there already: in node_modules (put there by hand or by tfjs-node itself), or in the cache (built
 * for another checkout, or before `npm ci` emptied node_modules).
 *
 * The cache has tfjs-node's own layout, `lib/napi-v8/tfjs_binding.node` and `deps/lib/`, one folder a kind of build;
 * node_modules only gets a link to the binding, which finds its libraries relative to its real place.
 */
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readJson } from '../places.mjs'
import { which } from '../tool.mjs'

const NAPI = Math.min(8, Number(process.versions.napi))
export const BINDING = join('lib', `napi-v${NAPI}`, 'tfjs_binding.node')
export const LIBRARIES = join('deps', 'lib')

export const installedStage = {
  stage: 'installed',
  title: 'Already in node_modules',
  async reach({ places }) {
    if (!isLinked(places)) return { ok: false, reason: 'tfjs-node has no binding yet' }
    const origin = originOf(places)
    return { ok: true, stage: origin, reason: 'it was already in node_modules' }
  },
  /** Removes a link of ours; files that someone else put there stay. */
  async undo({ places }) {
    if (originOf(places) !== 'installed') unlink(places)
  },
}

export const cachedStage = {
  stage: 'cached',
  title: 'Already in the cache',
  async reach({ places }) {
    const origin = ['wheel', 'official'].find((name) =>
      existsSync(join(buildFolder(places, name), BINDING)),
    )
    if (!origin) return { ok: false, reason: 'nothing was built here before' }
    link(places, origin)
    return { ok: true, stage: origin, reason: 'it was built before and kept in the cache' }
  },
  /** The build itself stays: other checkouts may be using it, and a new build replaces it anyway. */
  async undo({ places }) {
    unlink(places)
  },
}

/** One folder for each combination that cannot share a build. */
export function buildFolder({ cache, tfjsNode }, origin) {
  const { version } = readJson(join(tfjsNode, 'package.json')) ?? { version: 'unknown' }
  const name = `tfjs-node-${version}-${process.platform}-${process.arch}-napi${NAPI}-${origin}`
  return join(cache, 'native', name)
}

export function link(places, origin) {
  const target = join(buildFolder(places, origin), BINDING)
  const path = join(places.tfjsNode, BINDING)
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  rmSync(temporary, { force: true })
  symlinkSync(target, temporary)
  renameSync(temporary, path)
}

export function unlink(places) {
  rmSync(join(places.tfjsNode, BINDING), { force: true })
}

export function discard(places, origin) {
  unlink(places)
  rmSync(buildFolder(places, origin), { recursive: true, force: true })
}

/** Follows the link: false when its target is gone. */
export function isLinked({ tfjsNode }) {
  return existsSync(join(tfjsNode, BINDING))
}

function originOf(places) {
  const real = realpathSync(join(places.tfjsNode, BINDING))
  const isFrom = (origin) =>
    existsSync(join(buildFolder(places, origin), BINDING)) &&
    real === realpathSync(join(buildFolder(places, origin), BINDING))
  return ['wheel', 'official'].find(isFrom) ?? 'installed'
}

/** What a native build depends on in this machine; when it changes, trying again may help. */
export function tools({ env }) {
  return ['python3', 'python', 'pip3', 'pip', env.CXX || 'g++']
    .map((name) => which(name, env) ?? '-')
    .join(' ')
}
