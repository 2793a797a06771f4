/**
 * The child that chain.mjs starts: `node multiply.cjs native|wasm <checkout>`. CommonJS, because tfjs-node must be resolved
 * from the checkout, and because Node 23 dropped two functions of `util` that it still calls.
 */
const { createRequire } = require('node:module')
const { join } = require('node:path')
const util = require('node:util')

util.isNullOrUndefined ??= (value) => value === null || value === undefined
util.isArray ??= Array.isArray

const [engine, root] = process.argv.slice(2)
const requireThere = createRequire(join(root, 'package.json'))

async function multiply() {
  const tf = await load()
  const answer = tf.matMul(
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  )
  const product = Array.from(await answer.data())
  if (product.join() !== '19,22,43,50')
    throw new Error(`error: the product is wrong: ${product.join()}`)
  const tensorflow = engine === 'native' ? tf.backend().binding.TF_Version : tf.version_core
  process.stdout.write(`${JSON.stringify({ product, backend: tf.getBackend(), tensorflow })}\n`)
}

async function load() {
  if (engine === 'native') return requireThere('@tensorflow/tfjs-node')
  const tf = requireThere('@tensorflow/tfjs-core')
  requireThere('@tensorflow/tfjs-backend-wasm')
  if (!(await tf.setBackend('wasm'))) throw new Error('error: the wasm backend did not start')
  return tf
}

multiply().catch((error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
})
