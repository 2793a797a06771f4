/**
 * Takes out of an image's node_modules what no daemon on this platform loads: the engine's binaries for other systems
 * and, for a server, TensorFlow.
 *
 *   node slim.mjs node_modules [--without-tensorflow]
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const [modules, flag] = process.argv.slice(2)

function keepOnly(folder, name) {
  if (!existsSync(join(folder, name))) throw new Error(`${folder} has no ${name}`)
  for (const other of readdirSync(folder))
    if (other !== name) rmSync(join(folder, other), { recursive: true })
}

function slimEngine(folder) {
  for (const napi of readdirSync(folder)) {
    keepOnly(join(folder, napi), process.platform)
    keepOnly(join(folder, napi, process.platform), process.arch)
  }
}

slimEngine(join(modules, 'onnxruntime-node', 'bin'))
if (flag === '--without-tensorflow') rmSync(join(modules, '@tensorflow'), { recursive: true })
