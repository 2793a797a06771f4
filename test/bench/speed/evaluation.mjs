/**
 * What it costs to evaluate candidates, of what their updates cost: CPU time of the trainer process as each manifest has it, with
 * three promotion policies that look at rows (`held-out`, `retention`, and `golden` with 40 examples). The first half
 * of the sentences is learned before it is measured. Computing the examples below the cut belongs to learning, but to no
 * update: `ofTrainer` is evaluation's share of all CPU time of the trainer process.
 *
 *   node test/bench/speed/evaluation.mjs [events] [--only <words of a row's name>]
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { startDaemon, wait } from '../lib/daemon.mjs'
import { finish, machine, round, say } from '../lib/figures.mjs'
import { sentences } from '../lib/texts.mjs'
import { childrenCpuMs } from './tree-cpu.mjs'

const GOLDEN = 40
const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }
const ROWS = [
  ['use-lite', 'LoRA on both layers', lora, 16],
  ['use-lite', 'LoRA on both layers', lora, 64],
  ['minilm', 'LoRA on the top two layers', lora, 16],
  ['minilm', 'LoRA on the top two layers', lora, 64],
  ['use-lite', 'head', { method: 'head' }, 16],
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true } },
})
const events = Number(positionals[0] ?? 640)
const startedOn = machine()
const table = []
for (const [base, adapter, config, every] of ROWS) {
  const name = `${base} · ${adapter} · an update for ${every} events`
  if (values.only?.some((word) => !name.includes(word))) continue
  if (base === 'minilm' && !existsSync(pulledFolder('minilm'))) {
    say(`${name}: not measured, antikythera models pull minilm`)
    continue
  }
  const row = { name, ...(await measured(base, config, every)) }
  say(`${name}: ${percent(row.ofUpdate)} of the updates, ${percent(row.ofTrainer)} of the trainer`)
  table.push(row)
}
finish('evaluation', startedOn, { events, threads: 1, table })

function percent(share) {
  return `${round(100 * share, 1)} %`
}

async function measured(base, adapter, every) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-bench-'))
  const file = join(folder, 'golden.jsonl')
  const rows = sentences().filter((_, at) => at % 3 === 0)
  const golden = rows.slice(-GOLDEN).map(({ text, label }) => ({ input: { text }, label }))
  writeFileSync(file, golden.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const promotion = [{ policy: 'held-out' }, { policy: 'retention' }, { policy: 'golden', file }]
  const trigger = { policy: 'count', every, rest: 0 }
  const labels = ['negative', 'positive']
  const daemon = await startDaemon({ m: { base, labels, adapter, promotion, trigger } })
  try {
    await learn(daemon, rows, { from: 0, to: events / 2, every })
    const [before, cpuMs] = [await computeOf(daemon), childrenCpuMs(daemon.pid)]
    await learn(daemon, rows, { from: events / 2, to: events, every })
    const after = await computeOf(daemon)
    const all = after.cpu_seconds - before.cpu_seconds
    const evaluation = after.evaluation_cpu_seconds - before.evaluation_cpu_seconds
    const trainerSeconds = (childrenCpuMs(daemon.pid) - cpuMs) / 1000
    return {
      cpuSeconds: round(all),
      evaluationCpuSeconds: round(evaluation),
      ofUpdate: round(evaluation / all, 3),
      ofTrainer: round(evaluation / trainerSeconds, 3),
    }
  } finally {
    await daemon.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Until what is left is less than an update: some are held out, and learned by none. */
async function learn({ http }, rows, { from, to, every }) {
  const taught = rows.slice(from, to).map(({ text, label }, at) => ({
    ...{ id: `e-${from + at}`, source: 'bench', input: { text }, label },
  }))
  const { status, body } = await http.post('/v1/models/m/feedback', { events: taught })
  if (status !== 202) throw new Error(`feedback: ${status} ${JSON.stringify(body)}`)
  for (;;) {
    const { counts, trainer } = (await http.get('/v1/models/m')).body
    const { accepted, learned, held_out = 0 } = counts
    if (trainer.state === 'failed') throw new Error(`the trainer failed: ${trainer.message}`)
    if (accepted === to && accepted - learned - held_out < every) return
    await wait(50)
  }
}

async function computeOf({ http }) {
  return (await http.get('/v1/models/m')).body.compute
}
