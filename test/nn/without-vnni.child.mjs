/**
 * What products in 8 bits are on this processor: whether a base in 8 bits starts, and a digest of the bits of products and of the
 * logits of next tokens, whose sums are of integers and so the same on every processor. Prints JSON.
 */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { quantized } from '../../dist/src/adapters/quantized.js'
import { openBert } from '../../dist/src/bases/bert/bert.js'
import { readLogits, recordLogits } from '../../dist/src/nn/onnx/decoding/record.js'
import { sampleToken } from '../../dist/src/nn/onnx/decoding/sample.js'
import { OnnxGraph } from '../../dist/src/nn/onnx/graph.js'
import { quantizedProducts } from '../../dist/src/nn/onnx/quantize.js'
import { openSession, ortTensor } from '../../dist/src/nn/onnx/session.js'
import { openTrunkEngine } from '../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../dist/src/platform/random.js'

const random = openRandom(1, 'without-vnni')
/** Most numbers near the largest, where products of bytes leave 16 bits first. */
const drawn = (length) =>
  Float32Array.from({ length }, (_, at) => (at % 5 === 0 ? random.normal() / 3 : 1 - at / 1e6))

const normal = (length, size) => Float32Array.from({ length }, () => size * random.normal())

/** One row and several, of odd and even sizes: each goes through a kernel of its own. */
const SIZES = [
  { rows: 1, width: 48, wide: 20 },
  { rows: 1, width: 384, wide: 256 },
  { rows: 3, width: 47, wide: 17 },
  { rows: 6, width: 64, wide: 64 },
  { rows: 17, width: 128, wide: 33 },
]
const TOKENS = { size: 2000, width: 32, rows: 6 }

const products = []
for (const size of SIZES) products.push(await productOf(size))
console.log(JSON.stringify({ starts: await starts(), products, tokens: await tokensOf(TOKENS) }))

async function productOf({ rows, width, wide }) {
  const graph = new OnnxGraph()
  const x = graph.input('x', 'float32', ['batch', 'positions', width])
  const w = graph.weight('w', { shape: [width, wide], data: drawn(width * wide) })
  graph.output('y', quantizedProducts(graph)(x, w))
  const { y } = await run(graph, { x: { shape: [1, rows, width], data: drawn(rows * width) } })
  return digestOf(y.data)
}

/** The tokens that are served, at temperature 0 and drawn, and the bits of all logits that are not computed again. */
async function tokensOf({ size, width, rows }) {
  const words = { shape: [size, width], data: normal(size * width, 1 / 4) }
  const graph = new OnnxGraph()
  const last = graph.input('last', 'float32', ['batch', width])
  recordLogits(graph, last, graph.weight('words', words), { size, inEightBits: true })
  const data = normal(rows * width, 1)
  const outputs = await run(graph, { last: { shape: [rows, width], data } })
  const rough = digestOf(outputs.logits.data)
  const { logits } = readLogits(outputs)
  const served = Array.from({ length: rows }, (_, row) => {
    const own = logits.slice(row * size, (row + 1) * size)
    return [0, 0.7].map((temperature) => sampleToken(own, { temperature, topP: 1 }, 0.4).token)
  })
  return { rough, served }
}

async function starts() {
  const folder = fileURLToPath(new URL('../reference/tiny-bert/prefixed', import.meta.url))
  const base = quantized(await openBert(folder))
  try {
    await (await openTrunkEngine(base, base.network.layers, { workers: 1 })).close()
    return true
  } catch (error) {
    return error.message
  }
}

async function run(graph, feeds) {
  const session = await openSession(Uint8Array.from(graph.layOut()))
  const tensors = Object.entries(feeds).map(([name, tensor]) => [name, ortTensor(tensor)])
  const outputs = await session.run(Object.fromEntries(tensors))
  await session.close()
  return outputs
}

function digestOf(data) {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')
}
