/**
 * Runs vitest, runs each failed file once more, alone, and says at the end, in one line, how it went.
 *
 * A test that fails beside others and passes alone is flaky: it is named with both outcomes and does not make the run red,
 * so that a busy machine costs no hour; its cause is still to be fixed. A file that fails twice is red. What was
 * skipped is named loudly with its reason, because a skipped test proves nothing; with CI=true it counts as a failure, unless
 * the reason is that this processor lacks an instruction: nothing can be installed against that.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
/** `--unit`: only the quick ones, without services and processes. `--versions`: these, and what another Node.js may break. */
const choices = { '--unit': 'vitest.unit.config.ts', '--versions': 'vitest.versions.config.ts' }
const chosen = Object.keys(choices).find((flag) => process.argv.includes(flag))
const isCi = Boolean(process.env.CI) && process.env.CI !== 'false'

/** More broken files than this are no accident of load, and running them all again would only take time. */
const MOST_RETRIED = 12

async function main() {
  const args = process.argv.slice(2).filter((arg) => arg !== chosen)
  const first = await vitest(args)
  const { files, flaky } = await retried(first, optionsOf(args))
  const skipped = files.flatMap((file) => file.skipped)
  const count = (list) => files.reduce((sum, file) => sum + file[list], 0)
  const passed = count('passed')
  const failures = files.reduce((sum, file) => sum + failuresOf(file), 0) + first.unattributed
  if (skipped.length > 0) printSkipped(skipped)
  for (const { path, cutShort } of files)
    if (cutShort) console.log(`CUT SHORT, its process died: ${path}${cutShort.at}`)
  for (const line of flaky) console.log(line)
  const nothingRan = passed + failures === 0
  if (nothingRan) console.log('No test was run.')
  const unproven = isCi ? skipped.filter(isAvoidable).length : 0
  const failed = failures + unproven + (nothingRan || first.isBroken ? 1 : 0)
  console.log(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

/** The files with the outcome that counts: that of the second run where the first one failed. */
async function retried(first, options) {
  const broken = first.files.filter((file) => failuresOf(file) > 0)
  if (broken.length === 0 || broken.length > MOST_RETRIED) return { files: first.files, flaky: [] }
  const files = new Map(first.files.map((file) => [file.path, file]))
  const flaky = []
  for (const { path } of broken) {
    console.log(`\nRunning ${path} once more, alone`)
    const { files: again, unattributed, isBroken } = await vitest([...options, path])
    const second = again.find((file) => file.path === path)
    if (second === undefined) continue
    flaky.push(...flakyLines(files.get(path), second))
    // An error that belongs to no file is this file's: nothing else ran.
    const failed = second.failed.concat(unattributed + isBroken > 0 ? [unnamed] : [])
    files.set(path, { ...second, failed })
  }
  return { files: [...files.values()], flaky }
}

const unnamed = { name: '(the file)', message: 'the run broke down' }

/** One line for each test that failed beside others and passed alone. */
function flakyLines(before, after) {
  if (failuresOf(after) > 0) return []
  const failed =
    before.failed.length > 0 ? before.failed : [{ name: '(the file)', message: 'its process died' }]
  return failed.map(
    ({ name, message }) =>
      `flaky: ${before.path} › ${name}: failed (${message}), then passed alone`,
  )
}

function failuresOf({ failed, cutShort }) {
  return failed.length + (cutShort && failed.length === 0 ? 1 : 0)
}

/** What the caller asked for besides names of files. */
function optionsOf(args) {
  const takesValue = /^(-t|--testNamePattern)$/
  return args.filter((arg, at) => arg.startsWith('-') || takesValue.test(args[at - 1] ?? ''))
}

/** Outcome by file; no report means that vitest itself broke down. */
async function vitest(args) {
  const folder = openFolder()
  const report = join(folder, 'report.json')
  try {
    const code = await runVitest(args, { report, scratch: join(folder, 'scratch') })
    const { files, unattributed } = read(report)
    const isRed = unattributed > 0 || files.some((file) => failuresOf(file) > 0)
    const nothingRan = files.every((file) => file.passed === 0)
    return { files, unattributed, isBroken: code !== 0 && !isRed && !nothingRan }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * For the report and the files of tests: in memory where there is room, because a test of a store waits for the disk half of
 * its time. What a flush to a disk is worth no test of a process can see.
 */
function openFolder() {
  const folder = mkdtempSync(join(isRoomy(MEMORY) ? MEMORY : tmpdir(), 'antikythera-test-'))
  mkdirSync(join(folder, 'scratch'))
  return folder
}

const MEMORY = '/dev/shm'
/** Brokers, browsers and copies of a checkout take about one of them. */
const ROOM_BYTES = 4 * 2 ** 30

/** Tests start programs in it, too. */
function isRoomy(path) {
  if (!existsSync(path) || freemem() < 2 * ROOM_BYTES) return false
  const { bavail, bsize } = statfsSync(path)
  if (bavail * bsize < ROOM_BYTES) return false
  const folder = mkdtempSync(join(path, 'antikythera-program-'))
  try {
    writeFileSync(join(folder, 'program'), '#!/bin/sh\n', { mode: 0o755 })
    execFileSync(join(folder, 'program'))
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function runVitest(args, { report, scratch }) {
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const config = join(here, choices[chosen] ?? 'vitest.config.ts')
  const configured = existsSync(config) ? ['--config', config] : []
  const reporters = ['--reporter=default', `--reporter=${join(here, 'run-report.mjs')}`]
  const env = {
    ...process.env,
    ...{ ANTIKYTHERA_TEST_REPORT: report, TMPDIR: scratch, TF_CPP_MIN_LOG_LEVEL: '2' },
  }
  const child = spawn(process.execPath, [program, 'run', ...configured, ...reporters, ...args], {
    cwd: root,
    env,
    stdio: 'inherit',
  })
  // A terminal sends its signal to both, and what is in memory is to be removed at the end.
  const handlers = { SIGINT: () => undefined, SIGTERM: () => child.kill('SIGTERM') }
  for (const [signal, handler] of Object.entries(handlers)) process.once(signal, handler)
  return new Promise((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { files: [], unattributed: 0 }
  }
}

function isAvoidable({ reason }) {
  return !reason.startsWith('this processor lacks ')
}

function printSkipped(skipped) {
  const rule = '!'.repeat(78)
  const lines = skipped.map(({ name, reason }) => `!  ${name}\n!      ${reason}`)
  const verdict = isCi
    ? `CI=true: ${skipped.filter(isAvoidable).length} of them count as failures.`
    : 'What they would prove is NOT proven by this run.'
  console.log(`\n${rule}\n!  ${skipped.length} SKIPPED. ${verdict}\n${lines.join('\n')}\n${rule}`)
}

await main()
