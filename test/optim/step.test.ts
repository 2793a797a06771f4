import { describe, expect, it } from 'vitest'
import { head } from '../../src/adapters/head.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { Trainable, TrainRow } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Regularizer } from '../../src/contracts/policy.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { policies } from '../../src/plugins.ts'
import { thrown } from '../coded.ts'
import { slopes } from './gradient-check.ts'
import {
  bert,
  bytesOf,
  hyperparameters,
  latents,
  not,
  open,
  planOf,
  randomAdapter,
  rows,
  tf,
  grow,
} from '../trainer/rig.ts'

const batch = rows(['a', 'b', 'c', 'a', 'b', 'c', not('a'), not('b')])
const inputs = batch.map(({ latent }) => latent)

describe('a step', () => {
  it('answers the loss before it, and lowers it', () => {
    const trainable = open()
    const losses = Array.from({ length: 30 }, () => trainable.step(batch).loss)
    // A fresh head gives every label the same share: log 3 for a label, log 3/2 for a "not".
    expect(losses[0]).toBeCloseTo((6 * Math.log(3) + 2 * Math.log(1.5)) / 8, 5)
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
    trainable.dispose()
  })

  it('tests its rows on the way: the logits are those before it, in the order of the rows', () => {
    const trainable = open({ parameters: randomAdapter(planOf()) })
    const before = trainable.score(inputs)
    const { logits } = trainable.testAndStep!(batch)
    expect(logits).toHaveLength(batch.length)
    for (const [row, values] of logits.entries())
      for (const [label, value] of values.entries())
        expect(value).toBeCloseTo(before[row]![label]!, 4)
    trainable.dispose()
  })

  it('moves every tensor, the head ten times as fast unless told otherwise', () => {
    const moved = (
      rates: { learning_rate: number; head_learning_rate?: number },
      factors: readonly number[] = [],
    ) => {
      const parameters = randomAdapter(planOf())
      const trainable = open({ parameters, hyperparameters: { ...hyperparameters, ...rates } })
      trainable.step(batch, ...factors)
      const after = trainable.parameters()
      trainable.dispose()
      return new Map(
        [...parameters].map(([name, { data }]) => [name, farthest(data, after.get(name)!.data)]),
      )
    }
    // Adam's first step is the rate, for each number that has a gradient.
    for (const [name, far] of moved({ learning_rate: 0.001 }))
      expect(far, name).toBeCloseTo(name.startsWith('head.') ? 0.01 : 0.001, 5)
    for (const [name, far] of moved({ learning_rate: 0.001 }, [0.5, 0.3]))
      expect(far, name).toBeCloseTo(name.startsWith('head.') ? 0.0015 : 0.0005, 5)
    expect(moved({ learning_rate: 0, head_learning_rate: 0.02 }).get('head.bias')).toBeCloseTo(
      0.02,
      5,
    )
  })

  it('takes a row of weight 2 for the same row twice, and one of weight 0 for nothing', () => {
    const [one, two] = rows(['a', not('b')]) as readonly TrainRow[] as [TrainRow, TrainRow]
    const plan = planOf()
    const at = randomAdapter(plan)
    const twice = slopes(plan, at, [one, one, two, two])
    const weighted = slopes(plan, at, [
      { ...one, weight: 2 },
      { ...two, weight: 2 },
    ])
    const silent = slopes(plan, at, [one, { ...two, weight: 0 }])
    const alone = slopes(plan, at, [one])
    for (const [name, { data }] of twice)
      for (const [index, slope] of data.entries()) {
        expect(weighted.get(name)!.data[index]! / 2).toBeCloseTo(slope, 5)
        expect(silent.get(name)!.data[index]! * 2).toBeCloseTo(alone.get(name)!.data[index]!, 5)
      }
  })

  it('lowers what was wrong and prefers no other answer', () => {
    const trainable = open({ method: head })
    const wrong = rows([not('b')])
    for (let times = 0; times < 40; times += 1) trainable.step(wrong)
    const [logits] = trainable.score(wrong.map(({ latent }) => latent))
    expect(logits![1]).toBeLessThan(logits![0]! - 1)
    expect(logits![2]).toBeCloseTo(logits![0]!, 4)
    trainable.dispose()
  })

  it('still learns from a "not" when the wrong answer is certain', () => {
    const plan = planOf({ method: head })
    const certain = new Map([...randomAdapter(plan), ['head.bias', vector(0, 200, 0)]])
    const slope = slopes(plan, certain, rows([not('b')])).get('head.bias')!.data
    expect(slope[1]).toBeCloseTo(1, 4)
  })

  it('clips the gradients of all tensors together', () => {
    const sgd = {
      ...hyperparameters,
      optimizer: 'sgd',
      learning_rate: 1,
      head_learning_rate: 1,
    } as const
    const parameters = randomAdapter(planOf(), 1, 0.5)
    const trainable = open({ parameters, hyperparameters: { ...sgd, clip_norm: 0.25 } })
    const { gradientNorm } = trainable.step(batch)
    const after = trainable.parameters()
    const squares = [...parameters].flatMap(([name, { data }]) =>
      [...data].map((value, at) => (value - after.get(name)!.data[at]!) ** 2),
    )
    expect(gradientNorm).toBeGreaterThan(0.25)
    expect(Math.sqrt(squares.reduce((sum, square) => sum + square, 0))).toBeCloseTo(0.25, 4)
    trainable.dispose()
  })

  it('without rows changes nothing', () => {
    const trainable = open()
    const before = bytesOf(trainable.snapshot().tensors)
    expect(trainable.step([])).toEqual({ loss: NaN, gradientNorm: NaN, dropped: true })
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
    trainable.dispose()
  })

  it.each([
    ['an activation that is not a number', NaN],
    ['an activation that is infinite', Infinity],
  ])('with %s is dropped, and the last good weights go on', (_, value) => {
    const trainable = open()
    trainable.step(batch)
    const before = trainable.snapshot()
    const [first, ...rest] = batch
    const data = first!.latent.data.slice()
    data[3] = value
    const result = trainable.step([{ ...first!, latent: { ...first!.latent, data } }, ...rest])
    expect(result.dropped).toBe(true)
    expect(result.loss).toBeNaN()
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(bytesOf(before.tensors))
    expect(trainable.snapshot().steps).toBe(before.steps)
    expect(trainable.step(batch).dropped).toBe(false)
    trainable.dispose()
  })

  it('in the memory of an earlier one gives the same bits as in new memory', () => {
    const none = openPolicy('regularizer', policies.regularizer, { policy: 'none' })
    const { addsNothing: _, ...keeper } = none
    const config = { ...hyperparameters, average: 0.9, weight_decay: 0.1 }
    const [reused, fresh] = [none, keeper].map((regularizer) =>
      open({ regularizer, hyperparameters: config }),
    ) as [Trainable, Trainable]
    const snapshots = Array.from({ length: 8 }, (_, at) => {
      if (at === 5) grow(fresh, 'd')
      if (at === 5) grow(reused, 'd')
      const some = at === 3 ? [{ ...batch[0]!, weight: NaN }] : batch
      expect(reused.step(some)).toEqual(fresh.step(some))
      const state = reused.snapshot()
      expect(bytesOf(state.tensors)).toEqual(bytesOf(fresh.snapshot().tensors))
      expect(reused.score(inputs)).toEqual(fresh.score(inputs))
      return { state, bytes: bytesOf(state.tensors) }
    })
    for (const { state, bytes } of snapshots) expect(bytesOf(state.tensors)).toEqual(bytes)
    reused.restore(snapshots[2]!.state)
    reused.step([{ ...batch[0]!, weight: NaN }])
    reused.step(batch)
    expect(bytesOf(reused.snapshot().tensors)).toEqual(snapshots[4]!.bytes)
    for (const trainable of [reused, fresh]) trainable.dispose()
  })

  it('that would overflow the weights is dropped', () => {
    const trainable = open({ hyperparameters: { ...hyperparameters, learning_rate: 1e300 } })
    const before = bytesOf(trainable.parameters())
    expect(trainable.step(batch).dropped).toBe(true)
    expect(bytesOf(trainable.parameters())).toEqual(before)
    trainable.dispose()
  })
})

describe('scores', () => {
  it('do not depend on the rows beside them', () => {
    const trainable = open({ parameters: randomAdapter(planOf()) })
    const rows = latents([3, 1, 40, 7, 2, 38, 5, 1])
    const together = trainable.score(rows)
    for (const [at, row] of rows.entries())
      for (const [label, logit] of trainable.score([row])[0]!.entries())
        expect(together[at]![label]).toBeCloseTo(logit, 4)
    trainable.dispose()
  })

  it('of a fresh adapter are all zero', () => {
    const trainable = open()
    for (const logits of trainable.score(inputs)) expect([...logits]).toEqual([0, 0, 0])
    expect(trainable.score([])).toEqual([])
    trainable.dispose()
  })
})

describe('labels that appear at run time', () => {
  it('may begin with none at all', () => {
    const trainable = open({ labels: [] })
    expect(trainable.score(inputs.slice(0, 2))).toEqual([new Float32Array(), new Float32Array()])
    grow(trainable, 'a', 'b', 'c')
    expect(trainable.head).toEqual(['a', 'b', 'c'])
    expect(trainable.step(batch).dropped).toBe(false)
    trainable.dispose()
  })

  it('leave the logits of the others as they are, and begin at logit zero', () => {
    const trainable = open()
    trainable.step(batch)
    const before = trainable.score(inputs)
    grow(trainable, 'd', 'e')
    const after = trainable.score(inputs)
    for (const [row, logits] of after.entries()) {
      for (const [label, logit] of before[row]!.entries())
        expect(logits[label]).toBeCloseTo(logit, 5)
      expect([...logits.slice(3)]).toEqual([0, 0])
    }
    trainable.dispose()
  })

  it('grow what the optimizer remembers too, and are learned', () => {
    const trainable = open()
    trainable.step(batch)
    grow(trainable, 'd')
    const grown = trainable.snapshot().tensors
    expect(grown.get('optimizer/m/head.weight')!.shape).toEqual([16, 4])
    for (let times = 0; times < 60; times += 1) trainable.step(rows(['d', 'a', 'b', 'c']))
    const [logits] = trainable.score([rows(['d'])[0]!.latent])
    expect(Math.max(...logits!)).toBe(logits![3])
    trainable.dispose()
  })
})

describe('state', () => {
  it.each(['adam', 'sgd'] as const)('of %s comes back bit for bit, twice', (optimizer) => {
    const settings = {
      hyperparameters: { ...hyperparameters, optimizer, momentum: 0.9, learning_rate: 0.003 },
    }
    const learn = (trainable: ReturnType<typeof open>, seed: number) => {
      const block = () => rows(['a', 'c', not('b'), 'b'], planOf(), seed)
      return Array.from({ length: 5 }, () => trainable.step(block()).loss)
    }
    const first = open(settings)
    learn(first, 1)
    const saved = first.snapshot()
    const losses = learn(first, 2)
    const expected = first.snapshot()
    const second = open(settings)
    for (let times = 0; times < 2; times += 1) {
      second.restore(saved)
      expect(learn(second, 2)).toEqual(losses)
      expect(bytesOf(second.snapshot().tensors)).toEqual(bytesOf(expected.tensors))
      expect(second.snapshot().steps).toBe(10)
    }
    first.dispose()
    second.dispose()
  })

  it('is copied, never aliased', () => {
    const trainable = open()
    trainable.step(batch)
    const state = trainable.snapshot()
    const before = bytesOf(state.tensors)
    for (const tensors of [state.tensors, trainable.parameters()])
      for (const { data } of tensors.values()) data.fill(7)
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
    trainable.dispose()
  })

  it('goes back to fewer labels', () => {
    const trainable = open()
    const before = trainable.snapshot()
    grow(trainable, 'd')
    trainable.restore(before)
    expect(trainable.head).toEqual(['a', 'b', 'c'])
    expect(trainable.score(inputs)[0]).toHaveLength(3)
    trainable.dispose()
  })

  it('of another adapter is refused by the name of the tensor', () => {
    const trainable = open()
    const before = bytesOf(trainable.parameters())
    const other = open({ config: { method: 'lora', rank: 2, alpha: 4, tail_layers: 'all' } })
    const error = thrown(() => trainable.restore(other.snapshot()))
    expect(error.code).toBe('CHECKPOINT_FOREIGN')
    expect(error.details.tensor).toContain('.lora_A')
    expect(bytesOf(trainable.parameters())).toEqual(before)
    trainable.dispose()
    other.dispose()
  })

  it('of another optimizer keeps the weights and begins its memory anew', () => {
    const [adam, sgd] = [
      open(),
      open({ hyperparameters: { ...hyperparameters, optimizer: 'sgd' } }),
    ]
    adam.step(batch)
    sgd.restore(adam.snapshot())
    expect(bytesOf(sgd.parameters())).toEqual(bytesOf(adam.parameters()))
    expect(sgd.step(batch).dropped).toBe(false)
    adam.dispose()
    sgd.dispose()
  })
})

describe('averaged weights', () => {
  const average = { ...hyperparameters, average: 0.9 }

  it('score and make the version, while steps go on from the newest ones', () => {
    const [slow, quick] = [open({ hyperparameters: average }), open()]
    const distances = Array.from({ length: 8 }, () => {
      expect(slow.step(batch).loss).toBeCloseTo(quick.step(batch).loss, 4)
      return farthest(slow.score(inputs)[0]!, quick.score(inputs)[0]!)
    })
    expect(Math.max(...distances)).toBeGreaterThan(0.01)
    const version = open({ parameters: slow.parameters() })
    expect(version.score(inputs)).toEqual(slow.score(inputs))
    expect(slow.testAndStep).toBeUndefined()
    for (const trainable of [slow, quick, version]) trainable.dispose()
  })

  it('are the weights where no step has been, also of a label that just appeared', () => {
    const parameters = randomAdapter(planOf())
    const [slow, quick] = [open({ parameters, hyperparameters: average }), open({ parameters })]
    expect(slow.score(inputs)).toEqual(quick.score(inputs))
    slow.step(batch)
    grow(slow, 'd')
    expect(slow.score(inputs).map((logits) => logits[3])).toEqual(inputs.map(() => 0))
    slow.dispose()
    quick.dispose()
  })

  it('come back bit for bit, and begin at the weights where a checkpoint has none', () => {
    const [one, other, plain] = [
      open({ hyperparameters: average }),
      open({ hyperparameters: average }),
      open(),
    ]
    for (const trainable of [one, plain]) for (let at = 0; at < 5; at += 1) trainable.step(batch)
    other.restore(one.snapshot())
    expect(other.score(inputs)).toEqual(one.score(inputs))
    for (const trainable of [one, other]) trainable.step(batch)
    expect(bytesOf(other.snapshot().tensors)).toEqual(bytesOf(one.snapshot().tensors))
    other.restore(plain.snapshot())
    expect(other.score(inputs)).toEqual(plain.score(inputs))
    for (const trainable of [one, other, plain]) trainable.dispose()
  })
})

describe('tensors on the engine', () => {
  it('are as many after 200 steps, scores, growth and restores as before (law 8)', () => {
    const config = {
      method: 'lora',
      rank: 1,
      alpha: 1,
      tail_layers: 1,
      target_modules: ['value'],
    } as const
    const trainable = open({ config })
    trainable.step(batch)
    trainable.score(inputs)
    const start = trainable.snapshot()
    const count = tf.memory().numTensors
    const bytes = tf.memory().numBytes
    for (let step = 0; step < 200; step += 1) {
      trainable.step(batch.slice(step % 3, 3))
      if (step % 10 === 0) trainable.score(inputs)
      if (step % 50 === 0) grow(trainable, `new-${step}`)
      if (step % 20 === 0) trainable.restore(start)
      if (step % 10 === 5) trainable.step([{ ...batch[0]!, weight: NaN }])
      expect(tf.memory().numTensors).toBe(count)
    }
    trainable.restore(start)
    expect(tf.memory().numBytes).toBe(bytes)
    trainable.dispose()
  })

  it('are gone after dispose, but for the base', () => {
    const before = tf.memory().numTensors
    const trainable = open()
    trainable.step(batch)
    trainable.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('hold the weights of the tail alone, once for all trainables', () => {
    const baseTensors = new BaseTensors(tf, bert)
    const asked = new Set<string>()
    const watching = {
      get: (name: string) => (asked.add(name), baseTensors.get(name)),
    } as unknown as BaseTensors
    const before = tf.memory().numTensors
    const config = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const
    const both = [open({ config, baseTensors: watching }), open({ config, baseTensors: watching })]
    const own = tf.memory().numTensors - before
    for (const trainable of both) trainable.step(rows(['a', 'b'], planOf({ config })))
    expect(tf.memory().numTensors).toBe(before + own + asked.size)
    for (const name of asked) expect(name).toMatch(/layer\.1\./)
    both.forEach((trainable) => trainable.dispose())
    baseTensors.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('a regularizer', () => {
  /** λ/2 · ‖θ‖² on the head's bias, so strong that the bias must fall. */
  function decay(): Regularizer & { readonly seen: Tensors[] } {
    const seen: Tensors[] = []
    return {
      seen,
      penalty(parameters) {
        const { shape, data } = parameters.get('head.bias')!
        const loss = data.reduce((sum, value) => sum + 500 * value * value, 0)
        return {
          loss,
          gradients: new Map([['head.bias', { shape, data: data.map((v) => 1000 * v) }]]),
        }
      },
      observe: (_, gradients) => seen.push(gradients),
      snapshot: () => new Map([['anchor', vector(1, 2)]]),
      restore: (state) => seen.push(state),
    }
  }

  it('adds to the loss and to the gradients, and sees those of the loss alone', () => {
    const parameters = new Map([...randomAdapter(planOf()), ['head.bias', vector(1, 1, 1)]])
    const [plain, regularizer] = [open({ parameters }), decay()]
    const trainable = open({ parameters, regularizer })
    expect(trainable.step(batch).loss).toBeCloseTo(plain.step(batch).loss + 1500, 2)
    for (const value of trainable.parameters().get('head.bias')!.data)
      expect(value).toBeLessThan(0.95)
    for (const slope of regularizer.seen[0]!.get('head.bias')!.data)
      expect(Math.abs(slope)).toBeLessThan(1)
    plain.dispose()
    trainable.dispose()
  })

  it('keeps its state in the snapshot', () => {
    const [regularizer, other] = [decay(), decay()]
    const [first, second] = [open({ regularizer }), open({ regularizer: other })]
    second.restore(first.snapshot())
    expect(other.seen).toEqual([new Map([['anchor', vector(1, 2)]])])
    first.dispose()
    second.dispose()
  })
})

function vector(...values: number[]) {
  return { shape: [values.length], data: Float32Array.from(values) }
}

function farthest(a: Float32Array, b: Float32Array): number {
  return a.reduce((far, value, at) => Math.max(far, Math.abs(value - b[at]!)), 0)
}
