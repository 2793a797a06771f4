/** What policies add to a step on the engine: parts of rows, a teacher, a veto. Against sums made by hand. */
import { describe, expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { head } from '../../src/adapters/head.ts'
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Regularizer } from '../../src/contracts/policy.ts'
import { softmax } from '../../src/nn/softmax.ts'
import { slopes, slopesByDifference } from './gradient-check.ts'
import {
  bytesOf,
  grow,
  hyperparameters,
  not,
  open,
  planOf,
  randomAdapter,
  rows,
  tf,
} from '../trainer/rig.ts'

const plan = planOf()
const at = randomAdapter(plan)
const batch = rows(['a', 'b', 'c', not('b')])
const logitsOf = (given: readonly TrainRow[], parameters: Tensors = at) => {
  const trainable = open({ parameters })
  const found = trainable.score(given.map(({ latent }) => latent))
  trainable.dispose()
  return found
}
const lossOf = (given: readonly TrainRow[], regularizer = none()) => {
  const trainable = open({ parameters: at, regularizer })
  const { loss } = trainable.step(given)
  trainable.dispose()
  return loss
}
const none = () => openPolicy('regularizer', policies.regularizer, { policy: 'none' })

describe('the parts of a step', () => {
  const [first, second] = logitsOf(batch) as [Float32Array, Float32Array]

  it('count each target for as much as they say', () => {
    const [one, two] = batch as readonly TrainRow[] as [TrainRow, TrainRow]
    const parts = [
      { ...one, part: { target: 0.3 } },
      { ...two, part: { target: 2 } },
    ]
    const losses = [-Math.log(softmax(first)[0]!), -Math.log(softmax(second)[1]!)]
    expect(lossOf(parts)).toBeCloseTo(0.3 * losses[0]! + 2 * losses[1]!, 4)
  })

  it('let a row compete among some labels only', () => {
    const [one] = batch as readonly TrainRow[] as [TrainRow]
    const among = { ...one, part: { target: 1, among: [0, 2] } }
    const [a, , c] = first
    expect(lossOf([among])).toBeCloseTo(-Math.log(softmax([a!, c!])[0]!), 4)
    const unheeded = { ...one, part: { target: 1, among: [1] } }
    expect(lossOf([unheeded])).toBeCloseTo(-Math.log(softmax(first)[0]!), 4)
  })

  it('pull towards kept logits, over the labels that there were', () => {
    const [one] = batch as readonly TrainRow[] as [TrainRow]
    const kept = Float32Array.of(1, -2)
    const pulled = { ...one, logits: kept, part: { target: 0, logits: 0.7 } }
    const distance = ((first[0]! - 1) ** 2 + (first[1]! + 2) ** 2) / 2
    expect(lossOf([pulled])).toBeCloseTo(0.7 * distance, 4)
  })

  it('have the gradients that their loss says', () => {
    const parts: readonly TrainRow[] = [
      { ...batch[0]!, part: { target: 0.5, among: [0, 1] } },
      {
        ...batch[1]!,
        part: { target: 0, logits: 0.4 },
        logits: Float32Array.of(1, 2),
        isReplayed: true,
      },
      { ...batch[2]!, part: { target: 0.2, logits: 0.1 }, logits: Float32Array.of(1, 0, 3) },
      batch[3]!,
    ]
    const found = slopes(plan, at, parts)
    for (const { name, direction, slope } of slopesByDifference(plan, at, parts)) {
      const along = found.get(name)!.data.reduce((sum, v, index) => sum + v * direction[index]!, 0)
      expect(along, name).toBeCloseTo(slope, 2)
    }
  })
})

describe('a teacher', () => {
  const narrow = planOf({ labels: ['a', 'b'] })
  const parameters = randomAdapter(narrow, 2)
  const taughtBy = (weight: number): Regularizer => ({
    ...none(),
    teacher: () => ({ parameters, weight, temperature: 2 }),
  })

  it('adds the cross-entropy to its answers on new rows, over the labels it knows', () => {
    const [one, two] = batch as readonly TrainRow[] as [TrainRow, TrainRow]
    const given = [one, { ...two, isReplayed: true }]
    const teacher = open({ labels: ['a', 'b'], parameters })
    const [h] = teacher.score([one.latent])
    teacher.dispose()
    const [z] = logitsOf([one])
    const [wanted, answered] = [h!, z!.subarray(0, 2)].map((l) => softmax(l.map((v) => v / 2)))
    const crossed = -wanted!.reduce((sum, p, label) => sum + p * Math.log(answered![label]!), 0)
    expect(lossOf(given, taughtBy(3)) - lossOf(given)).toBeCloseTo(3 * crossed, 3)
  })

  it('is followed where nothing else is asked for', () => {
    const own = planOf({ method: head })
    const old = randomAdapter(own, 4)
    const regularizer = {
      ...none(),
      teacher: () => ({ parameters: old, weight: 1, temperature: 1 }),
    }
    const parameters = randomAdapter(own, 3)
    const slow = { ...hyperparameters, head_learning_rate: 0.005 }
    const learner = open({ method: head, parameters, regularizer, hyperparameters: slow })
    const teacher = open({ method: head, parameters: old })
    const row = { ...batch[0]!, part: { target: 0 } }
    for (let step = 0; step < 60; step += 1) learner.step([row])
    const [answered, wanted] = [learner, teacher].map((each) =>
      softmax(each.score([row.latent])[0]!),
    )
    for (const [label, share] of wanted!.entries()) expect(answered![label]).toBeCloseTo(share, 1)
    learner.dispose()
    teacher.dispose()
  })
})

describe('a veto', () => {
  it('gets the gradients of new and replayed rows apart, and its answer is followed', () => {
    const [one, two] = batch as readonly TrainRow[] as [TrainRow, TrainRow]
    const alone = [slopes(plan, at, [one]), slopes(plan, at, [two])]
    const seen: Tensors[] = []
    const regularizer: Regularizer = {
      ...none(),
      project(fresh, replayed) {
        seen.push(fresh, replayed)
        return new Map(
          [...fresh].map(([name, { shape, data }]) => [name, { shape, data: data.map(() => 0) }]),
        )
      },
    }
    const trainable = open({ parameters: at, regularizer })
    const { logits } = trainable.testAndStep!([one, { ...two, isReplayed: true }])
    for (const [row, expected] of logitsOf([one, two]).entries())
      for (const [label, logit] of expected.entries())
        expect(logits[row]![label]).toBeCloseTo(logit, 5)
    expect(seen).toHaveLength(2)
    for (const [which, tensors] of seen.entries())
      for (const [name, { data }] of tensors)
        for (const [index, value] of data.entries())
          expect(value).toBeCloseTo(alone[which]!.get(name)!.data[index]!, 4)
    for (const [name, { data }] of trainable.parameters())
      expect([...data]).toEqual([...at.get(name)!.data])
    trainable.dispose()
  })

  it('is not asked in a step without replayed rows', () => {
    const regularizer = openPolicy('regularizer', policies.regularizer, { policy: 'a-gem' })
    expect(lossOf(batch, regularizer)).toBe(lossOf(batch))
  })
})

describe.each(Object.keys(policies.regularizer))('the state of %s', (policy) => {
  const settings = policy === 'none' || policy === 'a-gem' ? {} : { every: 3, lambda: 5 }
  const openOne = () =>
    open({
      method: head,
      regularizer: openPolicy('regularizer', policies.regularizer, { policy, ...settings }),
    })
  const targets = batch.map(({ target }) => target)
  const mixed = rows(targets, planOf({ method: head })).map((row, index) => ({
    ...row,
    isReplayed: index % 2 === 1,
  }))

  it('comes back with the weights, bit for bit, also when the head has grown', () => {
    const [trainable, other] = [openOne(), openOne()]
    for (let step = 0; step < 4; step += 1) trainable.step(mixed)
    grow(trainable, 'new')
    trainable.step(mixed)
    const state = trainable.snapshot()
    const tensors = tf.memory().numTensors
    for (let step = 0; step < 5; step += 1) trainable.step(mixed)
    expect(tf.memory().numTensors).toBe(tensors)
    for (let times = 0; times < 2; times += 1) {
      other.restore(state)
      for (let step = 0; step < 5; step += 1) other.step(mixed)
      expect(bytesOf(other.snapshot().tensors)).toEqual(bytesOf(trainable.snapshot().tensors))
    }
    trainable.dispose()
    other.dispose()
  })
})
