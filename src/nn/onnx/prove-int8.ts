/**
 * Whether 8-bit products are exact here. Some kernels add two products in 16 bits, which the range of the weights allows for
 * (quantized-matrix.ts); one that cut off more would let the trainer and the server of a fleet disagree, silently.
 */
import { failure } from '../../platform/errors.ts'
import { recordGraph } from '../record.ts'
import type { OrtPool } from './pool.ts'

const SESSION = 'int8'
const WIDTH = 64

/** Throws `BASE_UNSUPPORTED`. The largest steps there are: a row and a column of ones. */
export async function proveInt8(pool: OrtPool): Promise<void> {
  const ones = new Float32Array(WIDTH * WIDTH).fill(1)
  await pool.addSession(SESSION, () =>
    recordGraph({
      weights: new Map([['ones', { shape: [WIDTH, WIDTH], data: ones }]]),
      quantize: 'int8',
      build: (ops, graph, trunkOps) => ({
        sums: trunkOps.matMul(
          graph.input('x', 'float32', ['batch', 'positions', WIDTH]),
          ops.weight('ones'),
        ),
      }),
    }),
  )
  const x = { shape: [1, 4, WIDTH], data: ones.subarray(0, 4 * WIDTH) }
  const { sums } = await pool.run({ session: SESSION, feeds: { x } })
  if (sums?.data.every((sum) => Math.abs(sum - WIDTH) < 1e-3) === true) return
  throw failure(
    'BASE_UNSUPPORTED',
    'quantize: int8 needs exact 8-bit products, which ONNX Runtime does not compute on this processor',
    { details: { setting: 'quantize' } },
  )
}
