/**
 * The measurements, one after the other, each in its own process: node test/bench/run.mjs [name …] after npm run build.
 * Progress goes to stderr; each result is one line of JSON on stdout, and the last line holds them all. Those of `ALONE` are
 * asked for by themselves, and the words after them are their own.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
  continual: 'continual/tables',
  compare: 'speed/compare',
  poison: 'faults/poison',
  sybil: 'faults/sybil',
  calibration: 'continual/calibration',
  profile: 'speed/profile',
  speed: 'speed/tables',
  lm: 'lm/tables',
}
const programs = { ...ALL, ...ALONE }
const words = process.argv.slice(2)
const own = Object.hasOwn(ALONE, words[0] ?? '') ? words.splice(1) : []
const asked = words.filter((word) => !word.startsWith('--'))
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
  process.stdout.write(`${code === 0 ? line : JSON.stringify({ bench: name, exit: code })}\n`)
}
if (asked.length !== 1) process.stdout.write(`${JSON.stringify(results)}\n`)
process.exitCode = failed > 0 ? 70 : 0

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
