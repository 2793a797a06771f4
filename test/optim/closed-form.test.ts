/** Learning without gradients: what sums must do as a trainable, through the same door as every method. */
import { describe, expect, it } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { anacp } from '../../src/adapters/closed-form/anacp.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import type { MethodPlugin, Trainable, TrainRow } from '../../src/contracts/adapter.ts'
import { openRandom } from '../../src/platform/random.ts'
import { softmax } from '../../src/nn/softmax.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { predictionsOf, settingOf, streamsOf } from '../simulation/scenario.ts'
import { thrown } from '../coded.ts'
import { finalState } from '../trainer/final-state.ts'
import {
  bert,
  bytesOf,
  labelled,
  not,
  open as openOn,
  planOf,
  rows as onBert,
  tf,
  grow,
  type LabelledRow,
} from '../trainer/rig.ts'
import type { Head } from '../../src/contracts/example.ts'
import { labelsIn } from '../../src/tasks/labels/label-rules.ts'
import { openWorld, runToEnd, type World } from '../trainer/world.ts'
import { nameOf } from '../adapters/name-of.ts'

const features = openFeatures({ size: 4, standardise: false })
const methods = [ncm, slda, ranpac, anacp]

describe.each(methods)('$name', (method) => {
  it('answers nothing before it has learned, and tells the labels apart afterwards', () => {
    const trainable = open(method)
    expect([...trainable.score([row('a', 1).latent])[0]!]).toEqual([0, 0, 0])
    learn(trainable, blobs(60))
    expect(accuracy(trainable, blobs(30, 2))).toBeGreaterThan(0.9)
  })

  it('knows the first class as well after the last, one class at a time', () => {
    const sorted = blobs(90).toSorted((a, b) => (a.target.label < b.target.label ? -1 : 1))
    const [inOrder, mixed] = [open(method), open(method)]
    learn(inOrder, sorted)
    learn(mixed, blobs(90))
    const test = blobs(60, 2).map(({ latent }) => latent)
    const answers = (of: Trainable) => of.score(test).map((z) => z.indexOf(Math.max(...z)))
    expect(answers(inOrder)).toEqual(answers(mixed))
  })

  it('takes an example of weight 2 for two, and one of weight 0 for none', () => {
    const [one, ...rest] = blobs(12)
    const [twice, weighted] = [open(method), open(method)]
    twice.step([one!, one!, ...rest])
    weighted.step([{ ...one!, weight: 2 }, ...rest, { ...row('c', 9), weight: 0 }])
    expectClose(twice, weighted)
  })

  it('adds nothing that is rehearsed', () => {
    const [plain, rehearsing] = [open(method), open(method)]
    plain.step(blobs(12))
    rehearsing.step([...blobs(12), { ...row('c', 9), isReplayed: true }])
    expectClose(plain, rehearsing)
  })

  it('gives a label that nobody has seen no chance, also one that came later', () => {
    const trainable = open(method)
    learn(
      trainable,
      blobs(40).filter(({ target }) => target.label !== 'c'),
    )
    grow(trainable, 'd')
    for (const logits of trainable.score(blobs(9).map(({ latent }) => latent))) {
      const best = Math.max(...logits)
      expect(logits).toHaveLength(4)
      expect(best).toBeGreaterThan(logits[2]!)
      expect(best).toBeGreaterThan(logits[3]!)
    }
    for (let times = 0; times < 8; times += 1) trainable.step([row('d', times)])
    const [logits] = trainable.score([row('d', 20).latent])
    expect(logits!.indexOf(Math.max(...logits!))).toBe(3)
  })

  it('turns from an answer that got thumbs down, to the likelier of the others', () => {
    const trainable = open(method)
    learn(trainable, blobs(30))
    const between = row('a', 5)
    const data = between.latent.data.map(
      (value, at) => 0.45 * value + 0.55 * row('b', 5).latent.data[at]!,
    )
    const wrong = { ...between, latent: { ...between.latent, data }, target: not('b') }
    const before = trainable.score([wrong.latent])[0]!
    for (let times = 0; times < 200; times += 1) trainable.testAndStep!([wrong])
    const after = trainable.score([wrong.latent])[0]!
    expect(after[1]! - after[0]!).toBeLessThan(before[1]! - before[0]!)
    expect(after.indexOf(Math.max(...after))).not.toBe(1)
    expect(after[0]).toBeGreaterThan(after[2]!)
  })

  it('learns nothing from thumbs down while it knows no other label', () => {
    const trainable = open(method)
    trainable.step([{ ...row('a', 1), target: not('a') }])
    expect([...trainable.score([row('a', 1).latent])[0]!]).toEqual([0, 0, 0])
  })

  it('takes back what it was told, as if it had never been', () => {
    const [told, other] = [open(method), open(method)]
    const [wrong, right] = [row('a', 4), row('b', 4)]
    learn(told, [...blobs(30), { ...wrong, target: right.target }, row('c', 7)])
    told.forget!([{ ...wrong, target: right.target }])
    learn(other, [...blobs(30), row('c', 7)])
    const [now, never] = [told.snapshot().tensors, other.snapshot().tensors]
    for (const name of ['sums/counts', 'sums/classes', 'sums/moments'])
      for (const [at, value] of now.get(name)!.data.entries())
        expect(Math.abs(value - never.get(name)!.data[at]!)).toBeLessThan(1e-3)
  })

  it.each([1e3, 1e6, 1e9, 1e15])(
    'answers and learns after a row at %d that weighed 1000 was taken back, between others or before them',
    (far) => {
      const heavy = { ...row('c', 1), weight: 1000 }
      heavy.latent.data.set([far, -far, far / 3, 1])
      for (const before of [0, 9]) {
        const trainable = open(method)
        learn(trainable, [...blobs(before), heavy, ...blobs(12, 3)])
        trainable.forget!([heavy])
        const { tensors } = trainable.snapshot()
        for (const { data } of tensors.values()) expect(data.every(Number.isFinite)).toBe(true)
        learn(trainable, blobs(60, 4))
        for (const { data } of trainable.parameters().values())
          expect(data.every(Number.isFinite)).toBe(true)
      }
    },
  )

  it('knows nothing of a label whose every example was taken back', () => {
    const trainable = open(method)
    learn(trainable, [...blobs(30).filter(({ target }) => target.label !== 'c'), row('c', 1)])
    trainable.forget!([row('c', 1)])
    for (const logits of trainable.score(blobs(9).map(({ latent }) => latent)))
      expect(Math.max(...logits)).toBeGreaterThan(logits[2]!)
  })

  it('answers as a fresh one once every example was taken back, and learns again', () => {
    const trainable = open(method)
    const rows = blobs(9)
    learn(trainable, rows)
    trainable.score([])
    trainable.forget!(rows)
    expect([...trainable.score([row('a', 1).latent])[0]!]).toEqual([0, 0, 0])
    expect(bytesOf(trainable.parameters())).toEqual(bytesOf(open(method).parameters()))
    learn(trainable, blobs(60))
    expect(accuracy(trainable, blobs(30, 2))).toBeGreaterThan(0.9)
  })

  it('drops a step with a number that is not finite or whose square is not, and goes on', () => {
    const trainable = open(method)
    trainable.step(blobs(8))
    const before = bytesOf(trainable.snapshot().tensors)
    for (const value of [NaN, Infinity, 1e30]) {
      const poisoned = row('a', 1)
      poisoned.latent.data[2] = value
      expect(trainable.step([row('b', 1), poisoned]).dropped).toBe(true)
    }
    expect(trainable.step([]).dropped).toBe(true)
    expect(trainable.step([{ ...row('a', 1), weight: NaN }]).dropped).toBe(true)
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
    expect(trainable.step(blobs(8)).dropped).toBe(false)
  })

  it('tests its rows on the way', () => {
    const trainable = open(method)
    trainable.step(blobs(20))
    const block = blobs(8, 3)
    const before = trainable.score(block.map(({ latent }) => latent))
    const { logits, loss } = trainable.testAndStep!(block)
    expect(logits).toEqual(before)
    expect(loss).toBeGreaterThan(0)
  })

  it('comes back from a snapshot bit for bit, twice, also to fewer labels', () => {
    const first = open(method)
    first.step(blobs(20))
    const saved = first.snapshot()
    const go = (trainable: Trainable) => {
      grow(trainable, 'd')
      for (let times = 0; times < 3; times += 1)
        trainable.testAndStep!([
          ...blobs(7, times),
          row('d', times),
          { ...row('b', 4), target: not('b') },
        ])
      return bytesOf(trainable.snapshot().tensors)
    }
    const expected = go(first)
    const second = open(method)
    for (let times = 0; times < 2; times += 1) {
      second.restore(saved)
      expect(go(second)).toEqual(expected)
    }
    expect(second.snapshot().steps).toBe(4)
  })

  it('copies its state, never aliases it', () => {
    const trainable = open(method)
    trainable.step(blobs(20))
    const before = bytesOf(trainable.snapshot().tensors)
    for (const tensors of [trainable.snapshot().tensors, trainable.parameters()])
      for (const { data } of tensors.values()) data.fill(7)
    const state = trainable.snapshot()
    trainable.restore(state)
    for (const { data } of state.tensors.values()) data.fill(7)
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
  })

  it('refuses a checkpoint without its sums, and keeps what it has', () => {
    const trainable = open(method)
    trainable.step(blobs(20))
    const state = trainable.snapshot()
    for (const name of ['sums/classes', 'temperature']) {
      const tensors = new Map([...state.tensors].filter(([of]) => of !== name))
      expect(thrown(() => trainable.restore({ ...state, tensors })).code).toBe('CHECKPOINT_FOREIGN')
    }
    expect(bytesOf(trainable.snapshot().tensors)).toEqual(bytesOf(state.tensors))
  })

  it('is as sure as it is right: scores near the share of right answers', () => {
    const trainable = open(method)
    // Blobs that overlap: nobody can be right always.
    const noisy = (count: number, seed: number) => blobs(count, seed, 1.6)
    for (let block = 0; block < 60; block += 1) trainable.testAndStep!(noisy(16, block + 10))
    const test = noisy(600, 5)
    const shares = trainable
      .score(test.map(({ latent }) => latent))
      .map((z) => Math.max(...softmax(z)))
    const sure = shares.reduce((sum, share) => sum + share, 0) / shares.length
    const right = accuracy(trainable, test)
    expect(right).toBeLessThan(0.95)
    expect(Math.abs(sure - right)).toBeLessThan(0.05)
  })

  it('leaves no tensor on the engine (law 8), behind the tail of a network too', () => {
    const config = { method: nameOf(method), rank: 0, alpha: 1, tail_layers: 1, features: 32 }
    const base = viewOf(bert, method, config)
    const plan = planOf({ method, config, base })
    const tensors = new BaseTensors(tf, base)
    const batch = onBert(['a', 'b', 'c', 'a', not('b')], plan)
    const trainable = openOn({ ...plan, baseTensors: tensors })
    const rows = batch.map(({ latent }) => latent)
    // The base's weights are uploaded when they are first read.
    trainable.step(batch)
    trainable.score(rows)
    const count = tf.memory().numTensors
    for (let times = 0; times < 5; times += 1) {
      trainable.step(batch)
      trainable.score(rows)
    }
    expect(tf.memory().numTensors).toBe(count)
    trainable.dispose()
    tensors.dispose()
  })

  it('ends after crashes at any instant where it ends without one (law 2)', async () => {
    const tiny = openFeatures({ size: 8, standardise: false })
    const setting = (seed: number) => ({
      ...settingOf(seed),
      freshParameters: (head: Head) =>
        freshAdapter(planFor(method, labelsIn(head), tiny), openRandom(1, 'fresh')),
      openTrainable: ({ head }: { readonly head: Head }) => open(method, labelsIn(head), tiny),
    })
    let crashes = 0
    for (const seed of [1, 2, 3, 4]) {
      const reference = worldOf(seed)
      await runToEnd(reference, setting(seed))
      const world = worldOf(seed)
      crashes += await runWithCrashes(world, setting(seed), seed)
      expect(finalState(world)).toEqual(finalState(reference))
    }
    expect(crashes).toBeGreaterThan(4)
  })
})

function worldOf(seed: number): World {
  const world = openWorld(streamsOf(seed))
  for (const prediction of predictionsOf(seed)) world.predictions.set(prediction.id, prediction)
  return world
}

function planFor(
  method: MethodPlugin,
  labels: readonly string[] = ['a', 'b', 'c'],
  base = features,
) {
  const config = { method: nameOf(method), rank: 0, alpha: 1, tail_layers: 0, features: 48 }
  return planOf({ method, config, base: viewOf(base, method, config), labels })
}

function open(method: MethodPlugin, labels?: readonly string[], base = features): Trainable {
  const plan = planFor(method, labels, base)
  const parameters = freshAdapter(plan, openRandom(1, 'fresh'))
  return openOn({ ...plan, parameters, baseTensors: new BaseTensors(tf, plan.base) })
}

const centres: Readonly<Record<string, readonly number[]>> = {
  a: [2, 0, 0, 1],
  b: [0, 2, 0, 1],
  c: [0, 0, 2, 1],
  d: [-2, -2, 0, 1],
}

/** One of a cloud around its label's centre, always the same. */
function row(label: string, seed: number, spread = 0.4): LabelledRow {
  const random = openRandom(seed, label)
  const data = Float32Array.from(centres[label]!, (value) => value + spread * random.normal())
  return { latent: { positions: 1, width: 4, data }, target: labelled(label), weight: 1 }
}

function blobs(count: number, seed = 1, spread?: number): LabelledRow[] {
  return Array.from({ length: count }, (_, at) =>
    row(['a', 'b', 'c'][at % 3]!, seed * 1000 + at, spread),
  )
}

function learn(trainable: Trainable, rows: readonly TrainRow[]): void {
  for (let from = 0; from < rows.length; from += 8)
    trainable.testAndStep!(rows.slice(from, from + 8))
}

function accuracy(trainable: Trainable, rows: readonly LabelledRow[]): number {
  const logits = trainable.score(rows.map(({ latent }) => latent))
  const right = rows.filter(({ target }, at) => {
    const best = logits[at]!.indexOf(Math.max(...logits[at]!))
    return labelsIn(trainable.head)[best] === target.label
  })
  return right.length / rows.length
}

function expectClose(one: Trainable, other: Trainable): void {
  const [a, b] = [one.parameters(), other.parameters()]
  for (const [name, { data }] of a)
    for (const [at, value] of data.entries())
      expect(Math.abs(b.get(name)!.data[at]! - value)).toBeLessThan(1e-3 * (1 + Math.abs(value)))
}

it('takes nothing out of sums that would have no finite head without it, and stays usable', () => {
  const plan = planFor(ncm)
  const method: MethodPlugin = {
    ...ncm,
    open: () => {
      const opened = ncm.open()
      const { closedForm } = opened
      return {
        ...opened,
        closedForm: {
          ...closedForm!,
          solve: (sums) => {
            const solved = closedForm!.solve(sums)
            // It has no answer for fewer than nine examples.
            if (sums.counts.reduce((sum, count) => sum + count, 0) < 9) solved.weight.fill(NaN)
            return solved
          },
        },
      }
    },
  }
  const own = { ...plan, method }
  const parameters = freshAdapter(own, openRandom(1, 'fresh'))
  const trainable = openOn({ ...own, parameters, baseTensors: new BaseTensors(tf, plan.base) })
  learn(trainable, blobs(9))
  const before = bytesOf(trainable.snapshot().tensors)
  expect(thrown(() => trainable.forget!(blobs(1))).code).toBe('STEP_DROPPED')
  expect(bytesOf(trainable.snapshot().tensors)).toEqual(before)
})
