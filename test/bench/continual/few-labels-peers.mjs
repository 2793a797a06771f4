/** What stands beside the product on few labels, each in Python: its name in the table, and its settings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PEFT_VERSION, peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { round, say } from '../lib/figures.mjs'

const program = fileURLToPath(new URL('few-labels-peers.py', import.meta.url))
const { SETFIT_PYTHON: python } = process.env

/** Those that this machine can run. */
export function fewPeers() {
  const threads = 1
  const lora = peftPython() ?? python
  if (python === undefined) say('SETFIT_PYTHON is not set: without SetFit and logistic regression')
  return {
    ...(python && {
      'SetFit, 5 of its 20 iterations': {
        ...{ peer: 'setfit', setfit: '1.2.0', threads },
        iterations: 5,
      },
      'SetFit, its defaults': { peer: 'setfit', setfit: '1.2.0', threads },
      'logistic regression on the frozen embedding': { peer: 'logistic', threads },
    }),
    ...(lora && {
      'torch + peft: LoRA on all layers, five passes': {
        peer: 'lora',
        peft: PEFT_VERSION,
        threads,
      },
    }),
  }
}

export async function fewPeer({ peer, iterations }, rows, seed) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-few-'))
  const file = join(folder, 'rows.json')
  writeFileSync(file, JSON.stringify(rows))
  const model = join(userCache(), 'models', 'minilm')
  const asked = iterations === undefined ? [] : [String(iterations)]
  const args = [program, peer, file, model, String(seed), ...asked]
  const env = { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' }
  const own = peer === 'lora' ? (peftPython() ?? python) : python
  const result = await runTool(own, args, { env, timeoutSeconds: 7200 })
  rmSync(folder, { recursive: true })
  if (result.code !== 0 || result.stopped) throw new Error(`${peer}: ${reasonLine(result)}`)
  const told = JSON.parse(result.output.trim().split('\n').at(-1))
  return { accuracy: round(told.accuracy), cpuSeconds: told.cpu_seconds, seconds: told.seconds }
}
