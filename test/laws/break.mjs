/**
 * Are the laws held by tests? Breaks each on purpose, one small change at a time in a copy of the checkout, and runs the
 * tests that must notice. A law whose break no test sees ends this with 1.
 *
 *   node test/laws/break.mjs [law …]
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { breaks } from './breaks.mjs'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const parts = ['src', 'connectors', 'policies', 'deploy', 'test', 'package.json', 'tsconfig.json']
const asked = process.argv.slice(2).map(Number)
const chosen = breaks.filter(({ law }) => asked.length === 0 || asked.includes(law))

const copy = mkdtempSync(join(tmpdir(), 'antikythera-laws-'))
let unseen = 0
try {
  for (const part of parts) cpSync(join(checkout, part), join(copy, part), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'))
  // A test of the tables asks git which files there are.
  for (const words of [
    ['init', '-q'],
    ['add', ...parts],
  ])
    spawnSync('git', words, { cwd: copy })
  const whole = [...new Set(chosen.flatMap(({ tests }) => tests))]
  build()
  if (!passes(whole)) throw new Error('the tests fail before anything was broken')
  for (const each of chosen) {
    const seen = isSeen(each)
    if (!seen) unseen += 1
    const found = seen ? 'seen' : 'NOT SEEN'
    process.stdout.write(`law ${each.law}: ${each.broken} … ${found} by ${each.tests.join(' ')}\n`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
process.stdout.write(`${chosen.length} breaks, ${unseen} unseen\n`)
process.exitCode = unseen > 0 ? 1 : 0

function isSeen({ file, find, put, every, tests }) {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  const places = source.split(find).length - 1
  if (places === 0 || (places > 1 && !every)) throw new Error(`${places} places for it in ${file}`)
  writeFileSync(path, source.replaceAll(find, put))
  build()
  const seen = !passes(tests)
  writeFileSync(path, source)
  return seen
}

/** Threads and child processes of a test run what was built. */
function build() {
  run(['deploy/bootstrap/bundle.mjs'])
  run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'])
}

function passes(tests) {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts']
  return run([...vitest, ...tests]) === 0
}

function run(command) {
  return spawnSync(process.execPath, command, { cwd: copy, stdio: 'ignore' }).status
}
