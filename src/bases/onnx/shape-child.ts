/** The program of a process in which a graph of a stranger's runs once, on a grey picture. Through stdin come the pixels of its side, in four bytes, and the graph. */
import { buffer } from 'node:stream/consumers'
import { openSession, ortTensor } from '../../nn/onnx/session.ts'
import type { ShapeReply } from './shape-trial.ts'

async function reply(): Promise<ShapeReply> {
  try {
    const all = await buffer(process.stdin)
    const side = all.readUInt32LE(0)
    const session = await openSession(all.subarray(4))
    const data = new Uint8Array(3 * side * side).fill(127)
    const { values } = await session.run({ pixels: ortTensor({ shape: [1, side, side, 3], data }) })
    if (!(values?.data instanceof Float32Array)) return { fault: 'it gives no values' }
    return { shape: values.shape, isFinite: values.data.every(Number.isFinite) }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

process.stdout.write(JSON.stringify(await reply()))
