/**
 * A training step on ONNX Runtime beside the same recorded graph on TensorFlow, and beside the plain engine where that is what
 * runs: forward, loss and backward on one thread. Processes take turns and count CPU time.
 *
 *   npm run bench -- speed ort [--rounds 5] [--ms 400] [--fresh] [--only <words>]
 */
import { fileURLToPath } from 'node:url'
import { openChild } from './children.mjs'
import { median, round } from './figures.mjs'
import { openTurns } from './turns.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

const TEXTS = {
  qv2: 'MiniLM, LoRA r 8 on q, v of the top two layers, 32 × 32 tokens',
  qv2some: 'the same, 8 × 32 tokens',
  qv2few: 'the same, 4 × 32 tokens',
  every2: 'MiniLM, LoRA r 8 on every map of the top two, 32 × 32 tokens',
  qv6: 'MiniLM, LoRA r 8 on q, v of all six layers, 32 × 32 tokens',
  full2: 'MiniLM, full on the top two layers, 32 × 32 tokens',
}
const SMALL = {
  head1: 'head 384 × 77, batch 1',
  head32: 'head 384 × 77, batch 32',
  mlp10: 'MLP 784-100-100-10, batch 10',
  mlp128: 'MLP 784-100-100-10, batch 128',
}

export async function measure(words) {
  const { rounds, ms, only, results } = openTurns(words, here('results/speed-ort.json'))
  const rows = []
  for (const [id, name] of Object.entries({ ...TEXTS, ...SMALL })) {
    const work = () => compared(id, { rounds, ms })
    const figures = await results.run(id, { rounds, ms, threads: 1 }, work, only)
    if (figures !== undefined) rows.push({ case: name, ...figures })
  }
  results.show(rows)
  return { rows }
}

/** Of each side: the median of its rounds, in milliseconds a step. */
async function compared(id, { rounds, ms }) {
  const sides = {
    tensorflow: ['tensorflow', id],
    ort: ['onnxruntime', id, 'fed'],
    ...(id in TEXTS && { ortConstant: ['onnxruntime', id, 'constant'] }),
    ...(id in SMALL && { plain: ['plain', id] }),
  }
  const opened = []
  for (const [name, side] of Object.entries(sides)) {
    const child = await openChild(process.execPath, [here('speed-ort-child.mjs'), ...side])
    opened.push({ name, child, steps: await stepsFor(child, ms), cpu: [], wall: [] })
  }
  for (let at = 0; at < rounds; at += 1)
    for (const { child, steps, cpu, wall } of opened) {
      const { cpuMs, wallMs } = await child.run(steps)
      cpu.push(cpuMs / steps)
      wall.push(wallMs / steps)
    }
  for (const { child } of opened) await child.stop()
  const each = (value) => Object.fromEntries(opened.map((side) => [side.name, value(side)]))
  const cpuMs = each(({ cpu }) => round(median(cpu), 4))
  const now = cpuMs.plain ?? cpuMs.tensorflow
  const best = Math.min(cpuMs.ort, cpuMs.ortConstant ?? Infinity)
  return {
    ...{ cpuMs, wallMs: each(({ wall }) => round(median(wall), 4)) },
    overPresent: round(now / best),
    overTensorFlow: round(cpuMs.tensorflow / best),
    facts: each(({ child }) => child.facts),
  }
}

/** As many steps as take about so long. */
async function stepsFor(child, ms) {
  const { cpuMs } = await child.run(5)
  const { cpuMs: again } = await child.run(Math.max(3, Math.round((ms / cpuMs) * 2)))
  const tried = Math.max(3, Math.round((ms / cpuMs) * 2))
  return Math.max(3, Math.round((ms * tried) / again))
}
