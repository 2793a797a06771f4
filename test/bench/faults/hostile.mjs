/**
 * How long the event loop of a server stands still while clients send the worst that the default limits let through.
 *
 *   node test/bench/faults/hostile.mjs [--rounds 5] [--at-once 4] [attack …]
 *
 * Each attack is sent by itself, some at once. `cpuMs` is the longest step in CPU time (loop-cpu.mjs), `clockMs` the longest delay that
 * Node measured (`antikythera_event_loop_delay_seconds{quantile="1"}`); medians over the rounds. `quiet` is the machine without an attack.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { attacks, models, send } from './attacks.mjs'
import { startDaemon, wait } from '../lib/daemon.mjs'
import { finish, machine, median, round, say } from '../lib/figures.mjs'
import { watchLoop } from '../lib/loop-watch.mjs'

const TO_REACH_MS = 20
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    'at-once': { type: 'string', default: '4' },
  },
})
const startedOn = machine()
const folder = mkdtempSync(join(tmpdir(), 'antikythera-loop-'))
const loop = watchLoop(join(folder, 'loop.json'))
const daemon = await loop.during(() => startDaemon(models))
const wanted = Object.entries(attacks).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name),
)
const found = new Map([['quiet', []], ...wanted.map(([name]) => [name, []])])
const statuses = {}
try {
  await wait(1000)
  for (let at = 0; at < Number(values.rounds); at += 1) {
    found.get('quiet').push(await measure(() => wait(300)))
    for (const [name, attack] of wanted)
      found.get(name).push(
        await measure(async () => {
          const together = Array.from({ length: Number(values['at-once']) }, () =>
            send(daemon.port, attack),
          )
          statuses[name] = [...new Set(await Promise.all(together))].join()
        }),
      )
  }
} finally {
  await daemon.stop()
  rmSync(folder, { recursive: true })
}
const worst = {}
for (const [name, list] of found) {
  const of = (what) => round(median(list.map((each) => each[what])), 1)
  worst[name] = { cpuMs: of('cpuMs'), clockMs: of('clockMs'), status: statuses[name] }
  say(
    `${name}: ${worst[name].cpuMs} ms of CPU, ${worst[name].clockMs} ms (${statuses[name] ?? ''})`,
  )
}
const slow = Object.keys(worst).filter((name) => worst[name].cpuMs > TO_REACH_MS)
finish('hostile', startedOn, { toReachMs: TO_REACH_MS, slow, worst })

async function measure(attack) {
  await loop.longestCpuMs(daemon)
  await loop.longestDelayMs(daemon)
  await attack()
  await wait(30)
  return { cpuMs: await loop.longestCpuMs(daemon), clockMs: await loop.longestDelayMs(daemon) }
}
