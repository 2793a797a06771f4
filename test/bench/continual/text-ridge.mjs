/** scikit-learn's ridge on the frozen embedding of a base, which is what a person without a product would try first. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { methods } from '../../../dist/src/plugins.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { pythonOnPeft } from '../lib/python-on-peft.mjs'
import { latentsOf } from '../lib/text-latents.mjs'
import { figuresOf } from './text-drift-learner.mjs'
import { allRows } from './text-drift-stream.mjs'

const PACKAGE = 'scikit-learn==1.7.2'
const program = fileURLToPath(new URL('text-ridge.py', import.meta.url))

/** `every`: rows after which it is fitted again, to all so far; absent = at the end of each part of the stream. */
export async function ridgeRun({ whole, files = [allRows()], stream, tests, every }) {
  const base = viewOf(whole, methods.slda, { rank: 0, alpha: 1, tail_layers: 0, depth: 1 })
  const latents = new Map()
  for (const rows of files)
    for (const [key, latent] of await latentsOf(base, base.network.layers, rows))
      latents.set(key, latent)
  const rows = [...stream, ...tests].flat()
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-ridge-'))
  const [vectors, file] = [join(folder, 'x.f32'), join(folder, 'stream.json')]
  writeFileSync(vectors, Buffer.concat(rows.map(({ key }) => bytesOf(latents.get(key)))))
  const labels = (parts) => parts.map((part) => part.map(({ label }) => label))
  writeFileSync(
    file,
    JSON.stringify({ vectors, stream: labels(stream), tests: labels(tests), every }),
  )
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }
  const python = pythonOnPeft('scikit-learn-1.7.2', [PACKAGE])
  const result = await runTool(python, [program, file], { env, timeoutSeconds: 3600 })
  rmSync(folder, { recursive: true })
  if (result.code !== 0 || result.stopped) throw new Error(`ridge: ${reasonLine(result)}`)
  const { prequential, held_out: heldOut } = JSON.parse(result.output.trim().split('\n').at(-1))
  return figuresOf(prequential, heldOut)
}

function bytesOf({ data }) {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
