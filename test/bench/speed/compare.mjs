/**
 * Two builds side by side in one run: the same measurements, in turns, and the ratio of each number.
 *
 *   npm run bench -- compare OTHER serve-latency swap freshness intake [--rounds 3]
 *
 * OTHER is another built checkout, such as a worktree of an earlier commit. Each build runs its own benchmark programs, so that
 * a benchmark whose program changed is not comparable; the numbers that both report are. Ratios are this build's median over
 * the other's.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machine, median, round } from '../lib/figures.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const words = process.argv.slice(2)
const at = words.indexOf('--rounds')
const rounds = at < 0 ? 3 : Number(words.splice(at, 2)[1])
const [other, ...names] = words
if (!other || names.length === 0 || !existsSync(join(other, 'dist'))) {
  process.stderr.write('compare OTHER NAME …: OTHER is a built checkout, NAME a benchmark\n')
  process.exit(64)
}
const builds = { this: join(here, '../../..'), other: resolve(other) }

const compared = {}
for (const name of names) {
  const runs = { this: [], other: [] }
  for (let index = 0; index < rounds; index++)
    for (const build of index % 2 ? ['other', 'this'] : ['this', 'other'])
      runs[build].push(leavesOf(JSON.parse(await measured(builds[build], name))))
  compared[name] = ratios(runs)
  process.stderr.write(`── ${name}, this build over the other, medians of ${rounds}\n`)
  for (const [key, { value, before, ratio }] of Object.entries(compared[name]))
    process.stderr.write(`   ${key.padEnd(44)} ${value} / ${before} = ${ratio}\n`)
}
process.stdout.write(
  `${JSON.stringify({ bench: 'compare', machine: machine(), rounds, compared })}\n`,
)

/** The last line of a benchmark's stdout is its result. */
function measured(root, name) {
  process.stderr.write(`── ${name} in ${root === builds.this ? 'this build' : 'the other'}\n`)
  const program = join(root, 'test', 'bench', 'run.mjs')
  const child = spawn(process.execPath, [program, name], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((done, failed) =>
    child.once('exit', (code) =>
      code === 0
        ? done(output.trimEnd().split('\n').at(-1))
        : failed(new Error(`${name} ended with ${code} in ${root}`)),
    ),
  )
}

/** Every number of a result under the path that leads to it. */
function leavesOf(value, path = '', leaves = new Map()) {
  if (typeof value === 'number') leaves.set(path, value)
  else if (value && typeof value === 'object')
    for (const [key, inner] of Object.entries(value))
      if (key !== 'machine' && key !== 'threads')
        leavesOf(inner, path ? `${path}.${key}` : key, leaves)
  return leaves
}

function ratios({ this: mine, other: theirs }) {
  const keys = [...mine[0].keys()].filter((key) => theirs[0].has(key))
  return Object.fromEntries(
    keys.map((key) => {
      const [value, before] = [mine, theirs].map((runs) => median(runs.map((run) => run.get(key))))
      return [key, { value, before, ratio: before === 0 ? null : round(value / before) }]
    }),
  )
}
