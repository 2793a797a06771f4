/** Plain operations against TensorFlow's: equal values and equal slopes, on the battery's own cases. */
import { describe, expect, test } from 'vitest'
import { openTape } from '../../src/nn/js/ops.ts'
import { NotPlain } from '../../src/nn/js/tape.ts'
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

  test('a tape played again with other numbers is equal to a new one, values and slopes', () => {
    const random = openRandom(1, 'again')
    const tensor = (...shape: number[]): Tensor => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
    })
    const draw = () =>
      new Map([
        ['w', tensor(4, 3)],
        ['b', tensor(3)],
      ])
    const compute = (tape: ReturnType<typeof openTape>, x: ReturnType<typeof tape.input>) => {
      const { ops } = tape
      return ops.relu(ops.add(ops.matMul(x, ops.param('w')), ops.param('b')))
    }
    const kept = openTape(new Map(), draw())
    const input = kept.input(tensor(2, 1, 4))
    const output = compute(kept, input)
    kept.backward(output, tensor(2, 1, 3).data)
    for (let time = 0; time < 3; time += 1) {
      const [params, x, slope] = [draw(), tensor(2, 1, 4), tensor(2, 1, 3).data]
      input.data.set(x.data)
      kept.again(params)
      kept.backward(output, slope)
      const fresh = openTape(new Map(), params)
      const expected = compute(fresh, fresh.input(x))
      fresh.backward(expected, slope)
      expect([...output.data]).toEqual([...expected.data])
      for (const name of params.keys())
        expect([...kept.gradientOf(name)!]).toEqual([...fresh.gradientOf(name)!])
    }
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
