/** One g++ call over the C++ files that tfjs-node ships, and the libraries without the symbols that nothing links. */
import { mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runTool, reasonLine, which } from '../tool.mjs'

export function findCompiler(env) {
  return [env.CXX, 'g++', 'c++', 'clang++']
    .filter(Boolean)
    .map((name) => which(name, env))
    .find(Boolean)
}

/** The binding finds its libraries relative to itself, so that the whole folder can be moved. */
export async function compileBinding({ temporary, binding, libraries }, { places, progress }) {
  const sources = join(places.tfjsNode, 'binding')
  const files = readdirSync(sources)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(sources, name))
  const headers = [
    join(places.nodeModules, 'node-api-headers', 'include'),
    join(temporary, 'include'),
  ]
  mkdirSync(dirname(binding), { recursive: true })
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    ...headers.map((folder) => `-I${folder}`),
    ...files,
    ...[`-L${libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    ...['-Wl,-rpath,$ORIGIN/../../deps/lib', '-o', binding],
  ]
  const result = await runTool(findCompiler(places.env), args, {
    env: places.env,
    timeoutSeconds: 600,
    onTick: () => progress.doing('Compiling the binding'),
  })
  if (result.code !== 0) {
    throw Object.assign(new Error(`the compiler failed: ${reasonLine(result)}`), {
      fix: 'use g++ 9 or newer (set CXX to choose one), then npx antikythera setup',
    })
  }
  await strip(libraries, places, progress)
}

/** Saves 200 MB of disk; without `strip` everything works the same. */
async function strip(libraries, { env }, progress) {
  const command = which('strip', env)
  if (!command) return
  const files = readdirSync(libraries).map((name) => join(libraries, name))
  await runTool(command, ['--strip-unneeded', ...files], {
    env,
    onTick: () => progress.doing('Stripping the libraries'),
  })
}
