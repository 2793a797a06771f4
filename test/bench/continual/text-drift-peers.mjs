/** What stands beside the product on a stream of domains: torch with peft in its own Python, and two guesses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PEFT_VERSION, peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { mean, round } from '../lib/figures.mjs'
import { figuresOf } from './text-drift-learner.mjs'

export const peerSettings = { peft: PEFT_VERSION, model: 'minilm', threads: 1 }

const program = fileURLToPath(new URL('text-drift-peers.py', import.meta.url))

export async function peerRun(peer, { stream, tests }, seed) {
  const python = peftPython()
  if (python === undefined) throw new Error('no Hugging Face PEFT: npm run setup -- --with peft')
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-drift-'))
  const file = join(folder, 'stream.json')
  writeFileSync(file, JSON.stringify({ stream, tests }))
  const model = join(userCache(), 'models', 'minilm')
  const args = [program, peer, file, model, String(seed)]
  const env = { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' }
  const result = await runTool(python, args, { env, timeoutSeconds: 7200 })
  rmSync(folder, { recursive: true })
  if (result.code !== 0 || result.stopped) throw new Error(`${peer}: ${reasonLine(result)}`)
  const told = JSON.parse(result.output.trim().split('\n').at(-1))
  return { ...figuresOf(told.prequential, told.held_out), cpuSeconds: told.cpu_seconds }
}

export const guesses = {
  'last label': ({ stream, tests }) => {
    const labels = stream.flat().map(({ label }) => label)
    return guessed({
      right: labels.map((label, at) => label === labels[at - 1]),
      atEnd: labels.at(-1),
      tests,
    })
  },
  majority: ({ stream, tests }) => {
    const counts = new Map()
    let most
    const right = stream.flat().map(({ label }) => {
      const isRight = label === most
      counts.set(label, (counts.get(label) ?? 0) + 1)
      if (most === undefined || counts.get(label) > counts.get(most)) most = label
      return isRight
    })
    return guessed({ right, atEnd: most, tests })
  },
}

/** One answer for every sentence that is tested at the end. */
function guessed({ right, atEnd, tests }) {
  const hits = tests.flat().map(({ label }) => Number(label === atEnd))
  return { prequential: round(100 * mean(right.map(Number))), heldOut: round(100 * mean(hits)) }
}
