/** Steps on the embedding: the two engines agree, only the adapter moves, and the head that follows fits the rows. */
import { describe, expect, it } from 'vitest'
import type { Trainable } from '../../src/contracts/adapter.ts'
import type { EmbeddedRow } from '../../src/contracts/policy.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { logisticHead } from '../../src/optim/heads/logistic-head.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { bytesOf, hyperparameters, latents, open, planOf, tf } from '../trainer/rig.ts'

const policy = openPolicy('few_shot', policies.few_shot, { policy: 'contrastive' })
const compiling = {
  onEager: (reason: string) => {
    throw new Error(reason)
  },
}
const columns = [0, 1, 2, 0, 1, 2, 0, 1]
const rows = latents([3, 9, 1, 12, 4, 4, 7, 2])

const lossOf = (embeddings: readonly Float32Array[]) =>
  policy.loss(embeddings.map((embedding, at) => ({ embedding, column: columns[at]!, weight: 1 })))

function steps(trainable: Trainable, count: number) {
  return Array.from({ length: count }, () => trainable.embedding!.step(rows, lossOf, 1).loss)
}

describe('steps on the embedding', () => {
  it('lower its loss, move the adapter and leave the head as it is', () => {
    const trainable = open()
    const losses = steps(trainable, 15)
    expect(losses.at(-1)).toBeLessThan(0.6 * losses[0]!)
    for (const [name, { data }] of trainable.parameters())
      expect([name, data.some((value) => value !== 0)]).toEqual([name, !name.startsWith('head.')])
    trainable.dispose()
  })

  it.each(['lora', 'full', 'bitfit'] as const)('are the same compiled, with %s', (name) => {
    const config = { method: name, rank: 3, alpha: 6, tail_layers: 'all' } as const
    const plan = { method: methods[name], config }
    // Adam makes a whole step of a gradient that differs from 0 in its last bit.
    const sgd = { optimizer: 'sgd', learning_rate: 2e-3, momentum: 0.9 } as const
    const change = { ...plan, hyperparameters: { ...hyperparameters, ...sgd } }
    const [eager, compiled] = [open(change), open({ ...change, compiling })]
    expect(steps(compiled, 10).at(-1)).toBeCloseTo(steps(eager, 10).at(-1)!, 4)
    const expected = eager.parameters()
    for (const [tensor, { data }] of compiled.parameters())
      for (const [at, value] of data.entries())
        expect(Math.abs(value - expected.get(tensor)!.data[at]!)).toBeLessThan(1e-4)
    eager.dispose()
    compiled.dispose()
  })

  it('are dropped whole where the loss is not finite, and leave no tensor behind', () => {
    const trainable = open({ compiling })
    steps(trainable, 1)
    const [before, count] = [bytesOf(trainable.snapshot().tensors), tf.memory().numTensors]
    const nothing = () => ({ loss: NaN, gradients: rows.map(() => new Float32Array(16)) })
    expect(trainable.embedding!.step(rows, nothing, 1).dropped).toBe(true)
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
    steps(trainable, 1)
    expect(tf.memory().numTensors).toBe(count)
    trainable.dispose()
  })

  it('end with a head that answers the rows, and an optimizer that begins again', () => {
    const trainable = open()
    steps(trainable, 15)
    const fitted = trainable
      .embedding!.of(rows)
      .map((embedding, at) => ({ embedding, column: columns[at]!, weight: 1 }))
    trainable.embedding!.fitHead(fitted)
    const answers = trainable.score(rows).map((z) => z.indexOf(Math.max(...z)))
    expect(answers).toEqual(columns)
    const { tensors, steps: made } = trainable.snapshot()
    expect(made).toBe(0)
    expect([...tensors.keys()].filter((name) => name.startsWith('optimizer/'))).toEqual([])
    trainable.dispose()
  })

  it('are not for a head alone, nor for sums', () => {
    for (const name of ['head', 'slda'] as const) {
      const config = { method: name, rank: 0, alpha: 1, tail_layers: 0 } as const
      const trainable = open(planOf({ method: methods[name], config }))
      expect(trainable.embedding).toBeUndefined()
      trainable.dispose()
    }
  })
})

describe('the head by logistic regression', () => {
  const random = openRandom(3, 'logistic')
  const cloud: readonly EmbeddedRow[] = Array.from({ length: 60 }, (_, at) => ({
    embedding: Float32Array.from(
      { length: 5 },
      (__, i) => random.normal() + (i === at % 3 ? 1 : 0),
    ),
    column: [0, 1, 3][at % 3]!,
    weight: 1 + (at % 2),
  }))
  const shape = { width: 5, outputs: 4, scale: 2 }

  it.each([1, 0.1])('is where its loss is flat: rows pull as a penalty of %d does', (penalty) => {
    const head = logisticHead(cloud, { ...shape, penalty })
    const [weight, bias] = [head.get('head.weight')!.data, head.get('head.bias')!.data]
    const pull = new Float64Array(weight.length)
    for (const { embedding, column, weight: own } of cloud) {
      const logits = [...bias].map(
        (constant, k) =>
          constant + 2 * embedding.reduce((sum, x, i) => sum + x * weight[i * 4 + k]!, 0),
      )
      const powers = logits.map((z, k) => (k === 2 ? 0 : Math.exp(z)))
      const total = powers.reduce((sum, power) => sum + power, 0)
      for (const [k, power] of powers.entries())
        for (const [i, x] of embedding.entries())
          pull[i * 4 + k]! += own * 2 * x * (power / total - (k === column ? 1 : 0))
    }
    for (const [at, value] of weight.entries())
      expect(pull[at]! + penalty * 4 * value).toBeCloseTo(0, 1)
  })

  it('never answers an output that no row names', () => {
    const head = logisticHead(cloud, shape)
    expect(head.get('head.bias')!.data[2]).toBe(-10)
    expect(head.get('head.weight')!.data.filter((_, at) => at % 4 === 2)).toEqual(
      new Float32Array(5),
    )
  })

  it('counts a row of weight 2 as two rows', () => {
    const twice = cloud.flatMap((row) =>
      row.weight === 1
        ? [row]
        : [
            { ...row, weight: 1 },
            { ...row, weight: 1 },
          ],
    )
    const expected = logisticHead(cloud, shape).get('head.weight')!.data
    for (const [at, value] of logisticHead(twice, shape).get('head.weight')!.data.entries())
      expect(value).toBeCloseTo(expected[at]!, 2)
  })
})
