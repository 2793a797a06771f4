/**
 * Loads the training engine and multiplies two matrices, in a separate process: a library that does not fit the
 * processor kills the process that loads it, and its 400 MB are freed afterwards.
 */
import { openTensorFlow } from '../../nn/tfjs/tensorflow.ts'

const { tf, backend, version, reason } = await openTensorFlow()
const product = tf.tidy(() =>
  Array.from(
    tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])).dataSync(),
  ),
)
process.stdout.write(`${JSON.stringify({ backend, version, reason, product })}\n`)
