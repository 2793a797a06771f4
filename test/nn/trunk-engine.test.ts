import { afterAll, beforeAll, expect, test } from 'vitest'
import { quantized } from '../../src/adapters/quantized.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { Base, TrunkEngine } from '../../src/contracts/base.ts'
import type { EncodedRow, Latent } from '../../src/contracts/network.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'

let base: Base
let trunk: TrunkEngine
beforeAll(async () => {
  base = await openUseLite()
  trunk = await openTrunkEngine(base, 1)
})
afterAll(() => trunk.close())

const texts = ['good', 'the food was cold and the waiter was colder', 'so so', 'never again']
const rows = () => texts.map((text) => base.encode({ kind: 'text', text }, 64))
const bytesOf = ({ data }: Latent) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)

test('a latent has one row of the network’s width for each token', async () => {
  const latents = await trunk.encode(rows())
  for (const [at, { positions, width, data }] of latents.entries()) {
    const row = rows()[at]!
    expect(positions).toBe(row.data.length)
    expect(width).toBe(base.network.latentWidth(1))
    expect(data).toHaveLength(positions * width)
  }
})

test('a latent is the same to the byte alone, in company, and in another engine', async () => {
  const together = await trunk.encode(rows())
  const another = await openTrunkEngine(base, 1)
  for (const [at, row] of rows().entries()) {
    const [alone] = await another.encode([row])
    expect(bytesOf(alone!).equals(bytesOf(together[at]!))).toBe(true)
  }
  await another.close()
})

test('in 8 bits a latent has its own tokens only, and the same bytes in any company', async () => {
  const eight = await openTrunkEngine(quantized(base), 1)
  const together = await eight.encode(rows())
  for (const [at, row] of rows().entries()) {
    const [alone] = await eight.encode([row])
    expect(bytesOf(alone!).equals(bytesOf(together[at]!))).toBe(true)
    const [exact] = await trunk.encode([row])
    expect(alone!.positions).toBe(exact!.positions)
    const most = Math.max(...exact!.data.map(Math.abs))
    const differences = exact!.data.map((value, place) => Math.abs(value - alone!.data[place]!))
    expect(Math.max(...differences)).toBeGreaterThan(0)
    expect(Math.max(...differences)).toBeLessThan(0.05 * most)
  }
  await eight.close()
})

test('it equals the same trunk on the training engine', async () => {
  const { tf } = await openTensorFlow()
  const upload = (names: readonly string[]) =>
    new Map(
      names.map((name) => {
        const { data, shape } = base.weights.get(name)!
        return [name, tf.tensor(data, [...shape])]
      }),
    )
  const weights = upload([...base.weights.keys()])
  for (const row of rows()) {
    const [latent] = await trunk.encode([row])
    const expected = tf.tidy(() => trunkOf(tf, weights, row))
    const differences = latent!.data.map((value, at) => Math.abs(value - expected[at]!))
    expect(Math.max(...differences)).toBeLessThan(1e-4)
  }
  tf.dispose([...weights.values()])
})

function trunkOf(
  tf: Awaited<ReturnType<typeof openTensorFlow>>['tf'],
  weights: Parameters<typeof tfjsOps>[1],
  row: EncodedRow,
): Float32Array {
  const ids = row.data
  const input = { ids: tf.tensor(ids, [1, ids.length], 'int32'), mask: tf.ones([1, ids.length]) }
  return base.network.trunk(tfjsOps(tf, weights, new Map()), input, 1).dataSync<'float32'>()
}
