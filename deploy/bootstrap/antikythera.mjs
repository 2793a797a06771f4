#!/usr/bin/env node
/** The command `antikythera`: starts the built program, sets it up, or says how to build it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const program = join(root, 'dist', 'program', 'src', 'cli', 'main.js')

if (process.argv[2] === 'setup' && !process.argv.includes('--help')) {
  // Set-up comes before everything that it sets up.
  process.argv.splice(2, 1)
  await import(pathToFileURL(join(root, 'deploy', 'bootstrap', 'main.mjs')).href)
} else if (existsSync(program)) {
  process.argv[1] = program
  await import(pathToFileURL(program).href)
} else {
  process.stderr.write(`antikythera is not built yet. Run \`npm run setup\` in ${root}\n`)
  process.exitCode = 78
}
