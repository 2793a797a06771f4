/**
 * Runs vitest and says at the end, in one line, how it went. What was skipped is named loudly with its reason, because
 * a skipped test proves nothing; with CI=true it counts as a failure.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
const isCi = Boolean(process.env.CI) && process.env.CI !== 'false'

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-test-'))
  const file = join(folder, 'report.json')
  const code = await vitest(file)
  const report = read(file)
  rmSync(folder, { recursive: true, force: true })
  if (report.skipped.length > 0) tellSkipped(report.skipped)
  for (const name of report.cutShort) console.log(`CUT SHORT, its process died: ${name}`)
  const forbidden = isCi ? report.skipped.length : 0
  const nothingRan = report.passed + report.failed === 0
  if (nothingRan) console.log('No test was run.')
  const failed = Math.max(report.failed + forbidden, code === 0 && !nothingRan ? 0 : 1)
  console.log(`\n${report.passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

function vitest(file) {
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const config = join(here, 'vitest.config.ts')
  const configured = existsSync(config) ? ['--config', config] : []
  const reporters = ['--reporter=default', `--reporter=${join(here, 'run-report.mjs')}`]
  const args = [program, 'run', ...configured, ...reporters, ...process.argv.slice(2)]
  const env = { ...process.env, ANTIKYTHERA_TEST_REPORT: file, TF_CPP_MIN_LOG_LEVEL: '2' }
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' })
  return new Promise((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** No report means that vitest itself broke down; its exit code then counts as the one failure. */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { passed: 0, failed: 0, skipped: [], cutShort: [] }
  }
}

function tellSkipped(skipped) {
  const rule = '!'.repeat(78)
  const lines = skipped.map(({ name, reason }) => `!  ${name}\n!      ${reason}`)
  const verdict = isCi
    ? 'CI=true: each of them counts as a failure.'
    : 'What they would prove is NOT proven by this run.'
  console.log(`\n${rule}\n!  ${skipped.length} SKIPPED. ${verdict}\n${lines.join('\n')}\n${rule}`)
}

await main()
