/**
 * The measurements, one after the other, each in its own process: node test/bench/run.mjs [name …] after npm run build.
 * Progress goes to stderr; each result is one line of JSON on stdout, and the last line holds them all. `continual`,
 * `compare`, `poison`, `sybil`, `calibration`, `profile`, `speed` and `lm` are asked for by themselves, and the words after them are their own.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const all = [
  'serve-latency',
  'swap',
  'freshness',
  'intake',
  'steps',
  'crash',
  'hostile',
  'slow-disk',
  'versions',
  'page',
  'slow-poison',
  'harm',
  'evaluation',
]
const ALONE = ['continual', 'compare', 'poison', 'sybil', 'calibration', 'profile', 'speed', 'lm']
const words = process.argv.slice(2)
const own = ALONE.includes(words[0]) ? words.splice(1) : []
const asked = words.filter((word) => !word.startsWith('--'))
const unknown = asked.filter((name) => ![...all, ...ALONE].includes(name))
if (unknown.length > 0) {
  process.stderr.write(
    `no benchmark ${unknown.join(', ')}; there are ${[...all, ...ALONE].join(', ')}\n`,
  )
  process.exit(64)
}

const results = {}
let failed = 0
for (const name of asked.length > 0 ? asked : all) {
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
  const program = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [program, ...own], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) =>
    child.once('exit', (code) => resolve({ code, line: output.trimEnd().split('\n').at(-1) })),
  )
}
