/**
 * Many seeds of the simulated fleet, shared out over the cores: node test/simulation/run.mjs [seeds = 500] [from = 0].
 * One seed again, with its story told: node test/simulation/run.mjs --seed <n>
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { argv, env, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Seeds that one process judges; a failure stops the rest. */
const portion = 500

async function judge(settings) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', 'test/simulation/fleet.test.ts']
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...env, ...settings },
    stdio: 'SEED' in settings ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  })
  let told = ''
  child.stdout?.on('data', (text) => (told += text))
  child.stderr?.on('data', (text) => (told += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, told }
}

const number = (text, otherwise) => {
  const value = Number(text ?? otherwise)
  if (Number.isInteger(value) && value >= 0) return value
  console.error(`${text} is no whole number; use: node test/simulation/run.mjs [seeds] [from]`)
  exit(64)
}

const [first, second] = argv.slice(2)
if (first === '--seed') exit((await judge({ SEED: String(number(second)) })).code)

const seeds = number(first, 500)
const begin = number(second, 0)
const portions = Array.from({ length: Math.ceil(seeds / portion) }, (_, at) => ({
  from: begin + at * portion,
  count: Math.min(portion, seeds - at * portion),
}))
const started = performance.now()
let done = 0
let failed = 0

async function work() {
  for (let next = portions.shift(); next; next = portions.shift()) {
    const { code, told } = await judge({ SEEDS: String(next.count), FROM: String(next.from) })
    if (code !== 0) {
      failed += 1
      portions.length = 0
      const repeat = told.match(/node test\/simulation\/run\.mjs --seed \d+\n.*/g) ?? [told]
      console.error([...new Set(repeat)].join('\n'))
    }
    done += next.count
    stdout.write(
      `${done} of ${seeds} seeds, ${Math.round((performance.now() - started) / 1000)} s\n`,
    )
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
console.log(
  failed === 0 ? `${done} seeds, all held` : `${failed} portions of ${portion} seeds failed`,
)
exit(failed === 0 ? 0 : 1)
