/**
 * A training step at equal work: MiniLM, 32 texts of 32 tokens from their activations at the cut, loss, gradients, clipping and
 * Adam; our compiled step, our eager step, and torch with PEFT. Processes take turns, so that a busy machine slows all of them
 * alike, and count CPU time of all their threads. The table keeps the rows of each instruction set: a brand sells several.
 *
 *   npm run bench -- speed step [--rounds 5] [--steps 4] [--fresh] [--only <words>]
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { openChild } from '../lib/children.mjs'
import { machine, median, round, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Threads of torch that wait for each other sleep: on busy cores they would take several times as long by spinning. */
const WAITING = { OMP_WAIT_POLICY: 'passive', MINILM: join(userCache(), 'models', 'minilm') }

export const SHAPES = {
  'LoRA r 8 on q, v of the top two layers': 'qv2',
  'LoRA r 8 on every map of the top two': 'every2',
  'LoRA r 8 on q, v of all six layers': 'qv6',
  'full on the top two layers': 'full2',
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '4' },
      fresh: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)]
  const startedOn = machine()
  const results = openResults('speed-step', {
    machine: startedOn,
    fresh: values.fresh,
  })
  for (const threads of [1, 2])
    for (const shape of Object.values(SHAPES)) {
      const settings = {
        cpu: startedOn.instructions,
        shape,
        rows: 32,
        tokens: 32,
        threads,
        rounds,
        steps,
      }
      const name = `${shape}, ${threads} threads, ${startedOn.instructions}`
      const work = async () => ({
        machine: machine(),
        ...(await compared(shape, threads, rounds, steps)),
      })
      await results.run(name, settings, work, values.only)
    }
  const rows = results.runs().map(rowOf)
  results.show(rows)
  return { rows }
}

function rowOf({ settings: { cpu, shape, threads }, figures }) {
  const name = Object.keys(SHAPES).find((each) => SHAPES[each] === shape)
  return { cpu, shape: name, threads, ...figures }
}

/** Of each engine: the median of its rounds, in milliseconds a step. */
async function compared(shape, threads, rounds, steps) {
  const python = peftPython()
  const node = (engine) => [process.execPath, [here('step-child.mjs'), engine]]
  const engines = { compiled: node('compiled'), eager: node('eager') }
  if (python === undefined) say('torch is not measured: no PEFT in the cache, see npm run setup')
  else engines.torch = [python, [here('step.py')]]
  const opened = []
  for (const [name, [program, words]] of Object.entries(engines))
    opened.push([name, await openChild(program, [...words, shape, String(threads)], WAITING)])
  const cpu = Object.fromEntries(opened.map(([name]) => [name, []]))
  const wall = Object.fromEntries(opened.map(([name]) => [name, []]))
  for (let at = 0; at < rounds; at += 1)
    for (const [name, child] of opened) {
      const found = await child.run(steps)
      cpu[name].push(found.cpuMs / steps)
      wall[name].push(found.wallMs / steps)
    }
  const facts = Object.fromEntries(opened.map(([name, { facts }]) => [name, facts]))
  for (const [, child] of opened) await child.stop()
  return figuresOf(cpu, wall, facts)
}

function figuresOf(cpu, wall, facts) {
  const medians = (times) =>
    Object.fromEntries(Object.entries(times).map(([name, all]) => [name, round(median(all), 1)]))
  const [cpuMs, wallMs] = [medians(cpu), medians(wall)]
  const times = (one, other) => (one && other ? round(one / other) : undefined)
  return {
    cpuMs,
    wallMs,
    samplesPerCpuSecond: Object.fromEntries(
      Object.entries(cpuMs).map(([name, ms]) => [name, round(32_000 / ms, 0)]),
    ),
    overEager: times(cpuMs.eager, cpuMs.compiled),
    overTorch: times(cpuMs.torch, cpuMs.compiled),
    overTorchOnTheClock: times(wallMs.torch, wallMs.compiled),
    facts,
  }
}
