/**
 * The child that one-dnn.mjs starts: `node one-dnn.cjs <checkout>`. For each line on its input it makes a few training steps of
 * a transformer's feed-forward layer on one thread, 32 × 32 tokens, and prints what one cost in milliseconds of CPU time.
 */
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const util = require('node:util')

util.isNullOrUndefined ??= (value) => value === null || value === undefined
util.isArray ??= Array.isArray

const [TOKENS, WIDTH, INNER, STEPS] = [1024, 384, 1536, 3]
const tf = createRequire(join(process.argv[2], 'package.json'))('@tensorflow/tfjs-node')
const weight = (...shape) => tf.variable(tf.randomNormal(shape, 0, 0.05))
const [up, bias, down] = [weight(WIDTH, INNER), weight(INNER), weight(INNER, WIDTH)]
const x = tf.randomNormal([TOKENS, WIDTH])

function step() {
  tf.tidy(() => {
    const inner = () => tf.relu(tf.add(tf.matMul(x, up), bias))
    const { grads } = tf.variableGrads(() => tf.mean(tf.square(tf.matMul(inner(), down))))
    grads[up.name].dataSync()
  })
}

createInterface({ input: process.stdin }).on('line', () => {
  const before = process.cpuUsage()
  for (let at = 0; at < STEPS; at += 1) step()
  const { user, system } = process.cpuUsage(before)
  process.stdout.write(`${(user + system) / 1000 / STEPS}\n`)
})
