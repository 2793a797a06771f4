/**
 * Where set-up reads and writes: the checkout (or the installed package), its node_modules and dist, and a cache that all
 * checkouts of this user share, so that a second one is ready at once.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {Readonly<ReturnType<typeof places>>} Places */

const here = dirname(fileURLToPath(import.meta.url))

export function places({ root = join(here, '..', '..'), env = process.env } = {}) {
  const isCheckout = !root.split(sep).includes('node_modules')
  const nodeModules = isCheckout ? join(root, 'node_modules') : modulesWith(TFJS_NODE, root)
  return {
    root,
    env,
    isCheckout,
    nodeModules,
    dist: join(root, 'dist'),
    state: join(nodeModules, '.antikythera'),
    tfjsNode: join(nodeModules, TFJS_NODE),
    cache: join(cacheHome(env), 'antikythera'),
  }
}

const TFJS_NODE = join('@tensorflow', 'tfjs-node')

/** npm puts the dependencies of an installed package beside it, or inside it where two versions differ. */
function modulesWith(name, root) {
  const inside = join(root, 'node_modules')
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`)
    return manifest.slice(0, -join(name, 'package.json').length - 1)
  } catch {
    return inside
  }
}

/** The XDG base directory specification says to ignore a relative XDG_CACHE_HOME. */
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
