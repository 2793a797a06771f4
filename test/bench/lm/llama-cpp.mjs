/** node-llama-cpp, the peer of language models: installed into the cache of benches, and no dependency. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { say } from '../lib/figures.mjs'

export const PEER = '3.21.1'

/** Its module's path. */
export function peerModule() {
  const folder = join(userCache(), 'bench', 'node-llama-cpp')
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')
  if (!existsSync(entry)) {
    say(`installing node-llama-cpp ${PEER} into ${folder}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"private":true}')
    const words = ['install', '--no-audit', '--no-fund', `node-llama-cpp@${PEER}`]
    execFileSync('npm', words, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return entry
}
