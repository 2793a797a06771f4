/** The program of a process in which a graph of a stranger's runs once, on a grey picture. The graph comes through stdin. */
import { buffer } from 'node:stream/consumers'
import { openSession, ortTensor } from '../../nn/onnx/session.ts'
import type { ShapeReply } from './shape-trial.ts'

async function reply(side: number): Promise<ShapeReply> {
  try {
    const session = await openSession(await buffer(process.stdin))
    const data = new Uint8Array(3 * side * side).fill(127)
    const { values } = await session.run({ pixels: ortTensor({ shape: [1, side, side, 3], data }) })
    if (!(values?.data instanceof Float32Array)) return { fault: 'it gives no values' }
    return { shape: values.shape, isFinite: values.data.every(Number.isFinite) }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

process.stdout.write(JSON.stringify(await reply(Number(process.argv[2]))))
