/** Checks of the engines and stores: TensorFlow, ONNX Runtime, worker threads, SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { entryUrl } from '../../platform/entry.ts'
import { nativeRecord, type NativeRecord } from '../../platform/native.ts'
import { runTool, reasonLine } from '../../platform/tool.ts'
import { failed, ok, warning, type Check } from './check.ts'
import { hasTensorFlow } from './packages.ts'

const PRODUCT = '19,22,43,50'

export const trainingCheck: Check = {
  name: 'training engine',
  async run({ isServerAlone }) {
    if (isServerAlone && !hasTensorFlow())
      return ok('TensorFlow is not installed: a server trains nothing')
    const program = fileURLToPath(entryUrl('src/cli/doctor/tensorflow-child.ts'))
    const result = await runTool(process.execPath, [program])
    const line = result.output.split('\n').find((each) => each.startsWith('{"backend":'))
    if (result.code !== 0 || line === undefined)
      return failed(`it does not load: ${reasonLine(result)}`, 'npx antikythera setup')
    const { backend, version, reason, product } = JSON.parse(line) as EngineProof
    const record = nativeRecord()
    const { stage = 'unknown', reason: why = 'set-up left no record' } = record
    const oneDnn = measured(record)
    const engine = { train: backend, tensorflow: version, stage, why, one_dnn: oneDnn }
    if (product.join() !== PRODUCT)
      return { ...failed(`1·5 + 2·7 … = ${product.join()}`, 'npx antikythera setup'), engine }
    if (backend === 'tensorflow') return { ...ok(`${reason} (${oneDnn}); ${why}`), engine }
    return { ...warning(`${reason}; about 20 times slower`, 'npx antikythera setup'), engine }
  },
}

function measured({ one_dnn: found }: NativeRecord): string {
  if (!found) return 'not measured with and without oneDNN'
  const [on, off] = [found.on_ms.toFixed(0), found.off_ms.toFixed(0)]
  return `a step on ${found.processor}: ${on} ms with oneDNN, ${off} ms without`
}

interface EngineProof {
  readonly backend: string
  readonly version: string
  readonly reason: string
  readonly product: readonly number[]
}

export const servingCheck: Check = {
  name: 'serving engine',
  async run() {
    const { OnnxGraph } = await import('../../nn/onnx/graph.ts')
    const { openSession, ortTensor } = await import('../../nn/onnx/session.ts')
    const graph = new OnnxGraph()
    const operands = ['a', 'b'].map((name) => graph.input(name, 'float32', [2, 2]))
    graph.output('product', graph.op('MatMul', operands))
    const session = await openSession(Uint8Array.from(graph.layOut()))
    const matrix = (...values: number[]) =>
      ortTensor({ shape: [2, 2], data: Float32Array.from(values) })
    const { product } = await session.run({ a: matrix(1, 2, 3, 4), b: matrix(5, 6, 7, 8) })
    await session.close()
    const engine = { serve: 'onnxruntime' }
    return product?.data.join() === PRODUCT
      ? { ...ok('ONNX Runtime multiplies'), engine }
      : failed(`ONNX Runtime multiplies wrongly: ${product?.data.join() ?? 'nothing'}`, 'npm ci')
  },
}

export const threadsCheck: Check = {
  name: 'worker threads',
  async run() {
    const worker = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', {
      eval: true,
    })
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    return answer === 42
      ? ok('start and answer')
      : failed('answer wrongly', 'check the resource limits of this user')
  },
}

export const storeCheck: Check = {
  name: 'SQLite',
  async run() {
    const { openStore } = await import('../../platform/store/store.ts')
    const folder = mkdtempSync(join(tmpdir(), 'antikythera-doctor-'))
    try {
      const path = join(folder, 'check.db')
      const migrations = ['CREATE TABLE kept (word TEXT NOT NULL)']
      const store = openStore(path, { migrations })
      store.transaction(() => store.run('INSERT INTO kept VALUES (?)', 'kept'))
      store.close()
      const again = openStore(path, { migrations })
      const rows = again.all('SELECT word FROM kept')
      again.close()
      return rows.length === 1
        ? ok('reads back what it stored, in WAL mode')
        : failed('forgets', 'npm ci')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
