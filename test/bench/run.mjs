/**
 * The measurements, one after the other, each in its own process: node test/bench/run.mjs [name …] after npm run build.
 * Progress goes to stderr; each result is one line of JSON on stdout, and the last line holds them all. Words after the first name are
 * its own if one of them names no benchmark, and after one of `ALONE`.
 *
 * `--keep <name>`: the result is kept under that name in results/. Those of `ALONE` keep their runs by themselves.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { openResults } from './lib/results.mjs'

/** Name → its program. */
const ALL = {
  'serve-latency': 'speed/serve-latency',
  swap: 'faults/swap',
  freshness: 'speed/freshness-alone',
  intake: 'speed/intake',
  steps: 'faults/steps',
  crash: 'faults/crash',
  hostile: 'faults/hostile',
  'slow-disk': 'faults/slow-disk',
  versions: 'speed/versions',
  page: 'speed/page',
  'slow-poison': 'faults/slow-poison',
  harm: 'faults/harm',
  evaluation: 'speed/evaluation',
}
const ALONE = {
  bases: 'lib/kept-bases',
  continual: 'continual/tables',
  compare: 'speed/compare',
  poison: 'faults/poison',
  sybil: 'faults/sybil',
  beginning: 'faults/beginning',
  calibration: 'continual/calibration',
  profile: 'speed/profile',
  speed: 'speed/tables',
  lm: 'lm/tables',
}
const programs = { ...ALL, ...ALONE }
const words = process.argv.slice(2)
const keepAt = words.indexOf('--keep')
const keptAs = keepAt < 0 ? undefined : words.splice(keepAt, 2)[1]
const isOne =
  Object.hasOwn(ALONE, words[0] ?? '') || !words.every((word) => Object.hasOwn(ALL, word))
const own = isOne && Object.hasOwn(programs, words[0] ?? '') ? words.splice(1) : []
const asked = words
const unknown = asked.filter((name) => !Object.hasOwn(programs, name))
if (unknown.length > 0) {
  process.stderr.write(
    `no benchmark ${unknown.join(', ')}; there are ${Object.keys(programs).join(', ')}\n`,
  )
  process.exit(64)
}

const results = {}
let failed = 0
for (const name of asked.length > 0 ? asked : Object.keys(ALL)) {
  process.stderr.write(`── ${name}\n`)
  const { code, line } = await run(name)
  if (code === 64) process.exit(code)
  if (code === 0) results[name] = JSON.parse(line)
  else failed += 1
  if (code === 0 && keptAs !== undefined) await keep(name, results[name])
  process.stdout.write(`${code === 0 ? line : JSON.stringify({ bench: name, exit: code })}\n`)
}
if (asked.length !== 1) process.stdout.write(`${JSON.stringify(results)}\n`)
process.exitCode = failed > 0 ? 70 : 0

async function keep(table, { bench: _, machine, ...figures }) {
  const settings = own.length === 0 ? {} : { words: own }
  const { run } = openResults(table, { machine, fresh: false })
  await run(keptAs, settings, () => figures, undefined, true)
}

/** The last line of its stdout is its result. */
function run(name) {
  const program = fileURLToPath(new URL(`${programs[name]}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [program, ...own], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) =>
    child.once('exit', (code) => resolve({ code, line: output.trimEnd().split('\n').at(-1) })),
  )
}
