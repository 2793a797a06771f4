/** Plain operations against TensorFlow's: equal values and equal slopes, on the battery's own cases. */
import { describe, expect, test } from 'vitest'
import { openTape } from '../../src/nn/js/ops.ts'
import { NotPlain } from '../../src/nn/js/value.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { Tensor } from '../../src/contracts/core.ts'
import { opCases, type OpCase } from './op-cases.ts'
import { drawSample, drawSizes, runTfjs, type Sample } from './op-runs.ts'

const { tf } = await openTensorFlow()
const samples = 6

const plainCases = opCases.filter(isPlainCase)

describe('plain operations', () => {
  test('are those that networks of features are made of', () => {
    const names = plainCases.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['matMul by a weight', 'matMul by a parameter', 'concat', 'columns']),
    )
    expect(names.length).toBeGreaterThan(10)
  })

  test.each(plainCases)('$name is equal to the engine’s, and so is its slope', (opCase) => {
    const random = openRandom(1, opCase.name)
    for (let at = 0; at < samples; at += 1) {
      const sizes = drawSizes(random)
      const sample = drawSample(opCase, sizes, random)
      const plain = run(opCase, sample, sizes)
      tf.tidy(() => {
        const engine = runTfjs(tf, opCase, sample, sizes)
        expect(plain.output.shape).toEqual(engine.shape)
        expect(distance(plain.output.data, engine.dataSync())).toBeLessThan(1e-5)
        const weights = Float32Array.from(plain.output.data, () => random.normal())
        plain.tape.backward(plain.output, weights)
        for (const place of opCase.slopes) {
          const { shape, data } = sample.get(place)!
          const lossOf = (x: Parameters<typeof tf.sum>[0]) =>
            tf.sum(
              tf.mul(
                runTfjs(tf, opCase, sample, sizes, new Map([[place, x as never]])),
                tf.tensor(weights, engine.shape),
              ),
            )
          const expected = tf
            .grad(lossOf)(tf.tensor(data, [...shape]))
            .dataSync()
          expect(distance(plain.gradientOf(place)!, expected), place).toBeLessThan(1e-4)
        }
      })
    }
  })

  test('a scalar and a single number have the shape of that number, on either side', () => {
    const { ops } = openTape(
      new Map([['x', { shape: [1, 1, 1], data: Float32Array.of(3) }]]),
      new Map(),
    )
    const x = ops.weight('x')
    for (const y of [ops.sub(ops.scalar(1), x), ops.sub(x, ops.scalar(1))])
      expect(y.shape).toEqual([1, 1, 1])
  })

  test('a value that no slope is wanted of gets none', () => {
    const tensor: Tensor = { shape: [2], data: Float32Array.of(1, 2) }
    const named = new Map([
      ['moved', tensor],
      ['counted', tensor],
    ])
    const { ops, backward, gradientOf } = openTape(new Map(), named, new Set(['counted']))
    const product = ops.mul(ops.param('moved'), ops.param('counted'))
    backward(product, Float32Array.of(1, 1))
    expect([...gradientOf('moved')!]).toEqual([1, 2])
    expect(gradientOf('counted')).toBeUndefined()
  })
})

/** Inputs are parameters here, so that they have slopes too. */
function run(opCase: OpCase, sample: Sample, sizes: ReturnType<typeof drawSizes>) {
  const tensors = sample as ReadonlyMap<string, Tensor>
  const tape = openTape(tensors, tensors)
  const output = opCase.build(
    tape.ops,
    (name) =>
      opCase.places[name]!.from === 'weight' ? tape.ops.weight(name) : tape.ops.param(name),
    sizes,
  )
  return { tape, output, gradientOf: tape.gradientOf }
}

function isPlainCase(opCase: OpCase): boolean {
  const random = openRandom(1, 'plain')
  const sizes = drawSizes(random)
  try {
    run(opCase, drawSample(opCase, sizes, random), sizes)
    return true
  } catch (error) {
    if (error instanceof NotPlain) return false
    throw error
  }
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0)
}
