/**
 * Whether TensorFlow computes with oneDNN on this processor. By itself it does so only where there are AVX-512 instructions;
 * on others oneDNN is often faster too. Both are measured, in turns, in two child processes, and the faster one is recorded for all
 * checkouts of this user: one machine always computes the same bits.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readJson } from '../places.mjs'

const CHILD = join(fileURLToPath(import.meta.url), '..', 'one-dnn.cjs')
const ROUNDS = 7
/** Without oneDNN a step must take less than this part of the time: on a busy machine a smaller difference is noise. */
const CLEARLY = 0.9

/**
 * `{ on, processor, on_ms, off_ms }`, or undefined where it cannot be measured. A user's TF_ENABLE_ONEDNN_OPTS has the last word when
 * the library is loaded.
 * @returns {Promise<{ on: boolean, processor: string, on_ms: number, off_ms: number } | undefined>}
 */
export async function chooseOneDnn({ places, progress }) {
  const path = join(places.cache, 'one-dnn.json')
  const known = readJson(path)
  if (known?.processor === processor()) return known
  progress.doing('Measuring whether TensorFlow is faster with oneDNN on this processor')
  const [off_ms, on_ms] = await medians(places).catch(() => [])
  if (!(on_ms > 0 && off_ms > 0)) return undefined
  const choice = { on: off_ms > CLEARLY * on_ms, processor: processor(), on_ms, off_ms }
  mkdirSync(places.cache, { recursive: true })
  writeFileSync(path, `${JSON.stringify(choice)}\n`)
  return choice
}

/** Of a step without and with oneDNN, in milliseconds of CPU time. */
async function medians(places) {
  const sides = ['0', '1'].map((choice) => openSide(choice, places))
  try {
    const found = sides.map(() => [])
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const [at, side] of sides.entries()) {
        const ms = await side.round()
        // The first one also builds the kernels.
        if (round > 0) found[at].push(ms)
      }
    return found.map((each) =>
      Number(each.toSorted((one, other) => one - other)[(ROUNDS - 1) / 2].toFixed(1)),
    )
  } finally {
    for (const side of sides) side.close()
  }
}

function openSide(choice, { root, env }) {
  const one = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', OMP_NUM_THREADS: '1' }
  const child = spawn(process.execPath, [CHILD, root], {
    cwd: root,
    env: { ...env, ...one, TF_CPP_MIN_LOG_LEVEL: '2', TF_ENABLE_ONEDNN_OPTS: choice },
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 120_000,
  })
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async round() {
      child.stdin.write('\n')
      return Number((await lines.next()).value)
    },
    close: () => child.kill(),
  }
}

const processor = () => cpus()[0]?.model ?? 'unknown'
