/**
 * Small networks at equal work, batch by batch: a linear head, a small MLP, and tables with an update for each example. Ours, beside
 * torch, numpy, River and Vowpal Wabbit, each in a process of its own with one thread. Processes take turns, so that a busy machine
 * slows all of them alike, and count CPU time.
 *
 *   npm run bench -- speed small [--rounds 5] [--ms 400] [--fresh] [--only <words>]
 *
 * torch is the one of PEFT's environment (`npm run setup` has fetched it); River comes from the cache or from `RIVER_PYTHON`, and
 * Vowpal Wabbit is measured if that Python has it.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { openChild } from '../lib/children.mjs'
import { median, round, say, machine } from '../lib/figures.mjs'
import { riverPython } from '../lib/river.mjs'
import { EVENTS } from './small-streams.mjs'
import { openResults } from '../lib/results.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** What is counted, who takes part, and rows of a batch. */
export const CASES = {
  head1: { name: 'head 384 × 77, batch 1', unit: 'updates', rows: 1, sgd: true },
  head32: { name: 'head 384 × 77, batch 32', unit: 'samples', rows: 32, sgd: true },
  mlp10: { name: 'MLP 784-100-100-10, batch 10', unit: 'samples', rows: 10 },
  mlp128: { name: 'MLP 784-100-100-10, batch 128', unit: 'samples', rows: 128 },
  sine1: { name: 'tables: sine1, an update for each', unit: 'examples', rows: 1, stream: true },
  hyperplane: {
    name: 'tables: hyperplane, an update for each',
    unit: 'examples',
    rows: 1,
    stream: true,
  },
  forty: {
    name: 'tables: forty labels, an update for each',
    unit: 'examples',
    rows: 1,
    stream: true,
  },
}

export async function measure(words) {
  const { rounds, ms, only, results } = openTurns(words)
  const table = []
  for (const [id, { name, unit, rows, ...kind }] of Object.entries(CASES)) {
    const work = () => compared(id, kind, { rows, rounds, ms })
    const events = kind.stream ? { events: EVENTS } : {}
    const settings = { rows, rounds, ms, ...events, threads: 1 }
    const figures = await results.run(id, settings, work, only)
    if (figures !== undefined) table.push({ case: name, unit: `${unit}/s of CPU`, ...figures })
  }
  results.show(table)
  return { rows: table }
}

async function enginesFor(id, { sgd, stream }) {
  const node = (engine) => [process.execPath, [here('small-child.mjs'), engine, id]]
  const python = (interpreter, engine) => [interpreter, [here('small.py'), engine, id]]
  const [torch, river] = [peftPython(), await riverPython()]
  if (stream)
    return {
      ours: node('ours'),
      ...(river && { arf: python(river, 'arf'), amf: python(river, 'amf') }),
    }
  return {
    ours: node('ours'),
    tensorflow: node('tensorflow'),
    ...(torch && { torch: python(torch, 'torch'), numpy: python(torch, 'numpy') }),
    ...(sgd && river && { river: python(river, 'river'), vw: python(river, 'vw') }),
  }
}

/** Of each: the median of its rounds, in rows a second of CPU and of the clock. */
async function compared(id, kind, { rows, rounds, ms }) {
  const opened = []
  for (const [name, [program, words]] of Object.entries(await enginesFor(id, kind)))
    try {
      const child = await openChild(program, words, oneThread)
      opened.push([name, child, await stepsFor(child, ms)])
    } catch (error) {
      say(`${name} is not measured: ${error.message}`)
    }
  const found = Object.fromEntries(opened.map(([name]) => [name, []]))
  for (let at = 0; at < rounds; at += 1)
    for (const [name, child, steps] of opened) found[name].push(await child.run(steps))
  for (const [, child] of opened) await child.stop()
  const perSecond = (field) =>
    Object.fromEntries(
      opened.map(([name, , steps]) => {
        const each = found[name].map((run) => run[field] / ((run.steps ?? steps) * rows))
        return [name, Math.round(1000 / median(each))]
      }),
    )
  const [cpu, clock] = [perSecond('cpuMs'), perSecond('wallMs')]
  const { ours, ...peers } = cpu
  return {
    ...{ cpu, clock },
    over: Object.fromEntries(
      Object.entries(peers).map(([name, speed]) => [name, round(ours / speed)]),
    ),
    ...accuraciesOf(found),
    facts: Object.fromEntries(opened.map(([name, { facts }]) => [name, facts])),
  }
}

const oneThread = { OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }

/** As many steps as take about so long, by a second try. */
async function stepsFor(child, ms) {
  const { steps: first = 50, cpuMs } = await child.run(50)
  if (first !== 50) return first
  return Math.max(20, Math.round((50 * ms) / Math.max(cpuMs, 1)))
}

function accuraciesOf(found) {
  const known = Object.entries(found).filter(([, runs]) => runs[0]?.accuracy !== undefined)
  if (known.length === 0) return {}
  return {
    accuracy: Object.fromEntries(
      known.map(([name, runs]) => [name, round(100 * median(runs.map((run) => run.accuracy)))]),
    ),
  }
}

function openTurns(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '5' },
      ms: { type: 'string', default: '400' },
      fresh: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const { only, fresh } = values
  const results = openResults('speed-small', { machine: machine(), fresh })
  return { rounds: Number(values.rounds), ms: Number(values.ms), only, results }
}
