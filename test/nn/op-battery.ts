/** What every engine's operations pass: equal to the recorded graph, right gradients, nothing left behind. */
import type * as tfc from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import type { TensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'
import { openRandom } from '../../src/platform/random.ts'
import { opCases, type OpCase, type Sizes } from './op-cases.ts'
import { drawSample, drawSizes, runOnnx, runTfjs, type Sample } from './op-runs.ts'

const samples = 6

const withSlopes = opCases.filter(({ slopes }) => slopes.length > 0)

export function opBattery(tf: TensorFlow): void {
  test.each(opCases)('$name is equal in both engines', async (opCase) => {
    const random = openRandom(1, opCase.name)
    for (let at = 0; at < samples; at += 1) {
      const sizes = drawSizes(random)
      const sample = drawSample(opCase, sizes, random)
      const computed = tf.tidy(() => {
        const tensor = runTfjs(tf, opCase, sample, sizes)
        return { shape: tensor.shape, data: [...tensor.dataSync()] }
      })
      const recorded = await runOnnx(opCase, sample, sizes)
      expect(recorded.shape).toEqual(computed.shape)
      expect(distance(recorded.data, computed.data)).toBeLessThan(1e-5)
    }
  })

  test.each(withSlopes)('$name has the gradient of its finite differences', (opCase) => {
    const random = openRandom(2, opCase.name)
    for (let at = 0; at < samples; at += 1) {
      const sizes = drawSizes(random)
      const sample = drawSample(opCase, sizes, random)
      for (const place of opCase.slopes) {
        const direction = sample.get(place)!.data.map(() => random.normal()) as Float32Array
        const [derived, measured] = slopes(tf, opCase, sample, sizes, place, direction)
        expect(Math.abs(derived - measured)).toBeLessThan(2e-2 * (1 + Math.abs(measured)))
      }
    }
  })

  test.each(opCases)('$name leaves no tensor behind, nor does its gradient', (opCase) => {
    const random = openRandom(3, opCase.name)
    const sizes = drawSizes(random)
    const sample = drawSample(opCase, sizes, random)
    const before = tf.memory().numTensors
    tf.tidy(() => void runTfjs(tf, opCase, sample, sizes))
    for (const place of opCase.slopes)
      slopes(tf, opCase, sample, sizes, place, sample.get(place)!.data as Float32Array)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('the gradient of a vector of length 0 under unit is finite', () => {
    const slope = tf.tidy(() => {
      const unit = (x: tfc.Tensor) => tfjsOps(tf, new Map(), new Map()).unit(x)
      return [
        ...tf
          .grad(unit)(tf.zeros([1, 1, 3]))
          .dataSync(),
      ]
    })
    expect(slope.every(Number.isFinite)).toBe(true)
  })
}

/** The slope along a direction: from the gradient, and from two points 2·step apart. */
function slopes(
  tf: TensorFlow,
  opCase: OpCase,
  sample: Sample,
  sizes: Sizes,
  place: string,
  direction: Float32Array,
): readonly [number, number] {
  const step = 1e-2
  const { shape, data } = sample.get(place)!
  return tf.tidy(() => {
    const along = tf.tensor(direction, [...shape])
    const here = tf.tensor(data, [...shape])
    // A weighted sum of the outputs, so that no two slopes cancel by symmetry.
    const value = (tensor: typeof here) => {
      const output = runTfjs(tf, opCase, sample, sizes, new Map([[place, tensor]]))
      const weights = Float32Array.from({ length: output.size }, (_, at) => Math.sin(at + 1))
      return tf.sum(tf.mul(output, tf.tensor(weights, output.shape)))
    }
    const gradient = tf.grad(value)(here)
    const derived = tf.sum(tf.mul(gradient, along)).dataSync()[0]!
    const at = (distance: number) => value(tf.add(here, tf.mul(along, distance))).dataSync()[0]!
    return [derived, (at(step) - at(-step)) / (2 * step)] as const
  })
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Math.max(...Array.from(a, (value, at) => Math.abs(value - b[at]!) / (1 + Math.abs(value))))
}
