/**
 * Proof that an engine works: a child process loads it and multiplies two matrices. A child, because a library that
 * does not fit the processor or the system kills its process.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool, reasonLine } from '../tool.mjs'

const CHILD = join(fileURLToPath(import.meta.url), '..', 'multiply.cjs')

/** Answers `{ ok, tensorflow, proof }` or `{ ok: false, reason, fix }`; `engine` is native or wasm. */
export async function prove({ root, env, nodeModules }, engine) {
  if (!existsSync(nodeModules))
    return { ok: false, reason: 'the npm packages are missing', fix: 'npm ci' }
  const result = await runTool(process.execPath, [CHILD, engine, root], {
    cwd: root,
    env: { ...env, TF_CPP_MIN_LOG_LEVEL: '2' },
    timeoutSeconds: 120,
  })
  const answer = result.output.split('\n').find((line) => line.startsWith('{"product":'))
  if (result.code === 0 && answer) {
    const { tensorflow, ...proof } = JSON.parse(answer)
    return { ok: true, tensorflow, proof: { ...proof, seconds: result.seconds } }
  }
  const illegal = result.signal === 'SIGILL'
  return {
    ok: false,
    reason: illegal
      ? 'the processor lacks instructions that it needs (AVX)'
      : `does not load: ${reasonLine(result)}`,
    fix: illegal
      ? 'use a machine with AVX'
      : 'see the reason; delete the cache folder and run `npx antikythera setup`',
  }
}
