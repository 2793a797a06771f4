/**
 * Where set-up reads and writes: the checkout, its node_modules and dist, and a cache that all checkouts of this user
 * share, so that a second one is ready at once.
 */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

export function places({ root = join(here, '..', '..'), env = process.env } = {}) {
  const nodeModules = join(root, 'node_modules')
  return {
    root,
    env,
    nodeModules,
    dist: join(root, 'dist'),
    state: join(nodeModules, '.antikythera'),
    tfjsNode: join(nodeModules, '@tensorflow', 'tfjs-node'),
    cache: join(cacheHome(env), 'antikythera'),
  }
}

/** A relative XDG_CACHE_HOME is invalid by the XDG base directory specification, and ignored. */
function cacheHome(env) {
  const configured = env.XDG_CACHE_HOME
  return configured && isAbsolute(configured) ? configured : join(homedir(), '.cache')
}

export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
