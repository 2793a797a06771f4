/** Closed forms of independent labels: exact sums for each label against the rest, with what is known in part. */
import { describe, expect, it, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import type { MethodPlugin, Trainable, TrainRow } from '../../src/contracts/adapter.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { sigmoid } from '../../src/nn/sigmoid.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'
import type { MultilabelTarget } from '../../src/tasks/multilabel/target.ts'
import { nameOf } from '../adapters/name-of.ts'
import { thrown } from '../coded.ts'
import { bert, bytesOf, open as openOn, planOf } from '../trainer/rig.ts'

const labels = ['a', 'b', 'c']
const task = openMultilabel({ open: true, known: [], retired: [], limit: 8 })

const methods: readonly (readonly [string, MethodPlugin, object])[] = [
  ['ncm', ncm, {}],
  ['slda', slda, { depth: 1, shrinkage: 0.001 }],
  ['ranpac', ranpac, { features: 24, depth: 1, ridge: 3 }],
]

function planFor(method: MethodPlugin, settings: object, names: readonly string[] = labels) {
  const config = { method: nameOf(method), rank: 0, alpha: 1, tail_layers: 0, ...settings }
  const base = viewOf(bert, method, config)
  return { ...planOf({ method, config, base, labels: names }), task, head: names }
}

interface LabelRow extends TrainRow {
  readonly target: MultilabelTarget
}

/** Each label has a direction of its own; a third of the rows have it. */
function rowsOf(width: number, count: number, seed = 1): readonly LabelRow[] {
  const random = openRandom(seed, 'labels')
  const directions = labels.map(() => Array.from({ length: width }, () => random.normal()))
  const drawn = openRandom(seed + 100, 'rows')
  return Array.from({ length: count }, (_, row) => {
    const yes = labels.filter(() => drawn.below(3) === 0)
    const x = Array.from(
      { length: width },
      (_, at) =>
        0.7 * drawn.normal() +
        yes.reduce((sum, label) => sum + 1.2 * directions[labels.indexOf(label)]![at]!, 0),
    )
    const norm = Math.hypot(...x)
    const data = Float32Array.from(x, (value) => value / norm)
    const no = labels.filter((label) => !yes.includes(label))
    const [known, rest] = [yes.slice(0, 1), no.slice(0, 1)]
    const target: MultilabelTarget =
      row % 4 === 3 && known.length + rest.length > 0
        ? { kind: 'some', yes: known, no: rest }
        : { kind: 'all', yes }
    return { latent: { positions: 1, width, data }, target, weight: row % 5 === 0 ? 2 : 1 }
  })
}

function learned(trainable: Trainable, rows: readonly TrainRow[], block: number): Trainable {
  for (let from = 0; from < rows.length; from += block)
    trainable.step(rows.slice(from, from + block))
  return trainable
}

const sumsIn = (trainable: Trainable) =>
  bytesOf(new Map([...trainable.snapshot().tensors].filter(([name]) => name.startsWith('exact/'))))
/** Without the scale, which follows the order. */
const directionsIn = (trainable: Trainable) => {
  const { scale } = trainable.sums!()!
  return Float64Array.from(trainable.parameters().get('head.weight')!.data, (w) => w / scale)
}
const latentsOf = (rows: readonly { readonly latent: Latent }[]) => rows.map(({ latent }) => latent)

describe.each(methods)('%s', (_, method, settings) => {
  const plan = planFor(method, settings)
  const open = (names = labels) => openOn(planFor(method, settings, names))
  const width = plan.base.network.latentWidth(0)
  const drawn = rowsOf(width, 120)

  it('has one digest and one direction for each label whatever the order, the blocks and the restarts', () => {
    const first = learned(open(), drawn, 8)
    const second = learned(open(labels.toReversed()), drawn.toReversed(), 1)
    let third = open()
    for (let from = 0; from < drawn.length; from += 17) {
      const state = third.snapshot()
      third = open()
      third.restore(state)
      learned(third, drawn.slice(from, from + 17), 5)
    }
    const digests = [first, second, third].map((each) => each.sums!()!.digest)
    expect(new Set(digests).size).toBe(1)
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/)
    const [one, again] = [first, third].map(directionsIn)
    for (const [at, value] of one!.entries()) expect(again![at]).toBeCloseTo(value, 4)
  })

  it('is as if it had never seen what was taken out, to the bit', () => {
    const [some, rest] = [0, 1].map((part) =>
      drawn.filter((_, at) => Number(at % 3 === 0) !== part),
    )
    const trainable = learned(open(), drawn, 8)
    trainable.forget!(some!)
    expect(sumsIn(trainable)).toEqual(sumsIn(learned(open(), rest!, 8)))
    trainable.forget!(rest!)
    expect(sumsIn(trainable)).toEqual(sumsIn(open()))
  })

  it('merged from shards is that of one trainer', () => {
    const all = learned(open(), drawn, 8)
    const shards = [0, 1].map((shard) => {
      const own = openOn({
        ...planFor(method, settings, shard === 1 ? labels.toReversed() : labels),
        publishesSums: true,
      })
      learned(
        own,
        drawn.filter((_, at) => at % 2 === shard),
        8,
      )
      return { head: own.head, parameters: own.parameters(), identity: own.sums!()!.identity }
    })
    const merged = open([])
    merged.merge!(shards)
    expect(merged.sums!()!.digest).toBe(all.sums!()!.digest)
  })

  it('finds each label by itself, with scores that are probabilities', () => {
    const trainable = learned(open(), rowsOf(width, 600), 16)
    const asked = rowsOf(width, 300, 1).slice(200)
    let [right, all, error] = [0, 0, 0]
    for (const [row, logits] of trainable.score(latentsOf(asked)).entries()) {
      const { target } = asked[row]!
      if (target.kind !== 'all') continue
      for (const [at, label] of labels.entries()) {
        const holds = target.yes.includes(label)
        right += Number(logits[at]! > 0 === holds)
        error += (sigmoid(logits[at]!) - Number(holds)) ** 2
        all += 1
      }
    }
    expect(right / all).toBeGreaterThan(0.85)
    // Always the share of a third has 0.22.
    expect(error / all).toBeLessThan(0.13)
  })

  it('learns from what is known in part for the labels that it names alone', () => {
    const [whole, part] = [open(), open()]
    learned(whole, drawn, 8)
    learned(part, drawn, 8)
    const latent = drawn[0]!.latent
    const target = { kind: 'some', yes: ['a'], no: [] }
    part.step(Array.from({ length: 40 }, () => ({ latent, target, weight: 1 })))
    const [before, after] = [whole, part].map((each) => each.score([latent])[0]!)
    expect(after![0]).toBeGreaterThan(before![0]! + 0.5)
    // Their examples and odds are the same; the spread of all inputs has changed.
    const odds = (trainable: Trainable, at: number) =>
      trainable.snapshot().tensors.get('exact/counts')!.data[2 + 2 * at]
    for (const at of [1, 2]) expect(odds(part, at)).toBe(odds(whole, at))
  })

  it('gives a label that came late its examples without it, and hardly ever answers it', () => {
    const trainable = learned(open(), drawn, 8)
    trainable.score([drawn[0]!.latent])
    trainable.grow([...labels, 'late'])
    const [grown] = trainable.score([drawn[0]!.latent])
    trainable.step([{ latent: drawn[1]!.latent, target: { kind: 'all', yes: [] }, weight: 1 }])
    const [solved] = trainable.score([drawn[0]!.latent])
    for (const logits of [grown!, solved!]) expect(sigmoid(logits[3]!)).toBeLessThan(0.01)
    trainable.step([
      { latent: drawn[0]!.latent, target: { kind: 'all', yes: ['late'] }, weight: 1 },
    ])
    const [taught] = trainable.score([drawn[0]!.latent])
    expect(taught![3]).toBeGreaterThan(solved![3]!)
  })

  it('divides an answer that was wrong as a whole, and says that it cannot be taken out', () => {
    const trainable = learned(open(), drawn, 8)
    const wrong = { latent: drawn[0]!.latent, target: { kind: 'not', yes: ['a'] }, weight: 1 }
    const before = trainable.score([wrong.latent])[0]![0]!
    trainable.step(Array.from({ length: 30 }, () => wrong))
    expect(trainable.score([wrong.latent])[0]![0]!).toBeLessThan(before)
    expect(trainable.sums!()).toMatchObject({ divided: 30 })
    expect(trainable.without).toBeUndefined()
    const held = sumsIn(trainable)
    trainable.forget!([wrong])
    expect(sumsIn(trainable)).toEqual(held)
  })
})

test('slda against the rest is the discriminant of two Gaussians with one covariance', () => {
  const [method, settings] = [slda, { depth: 1, shrinkage: 1e-4 }]
  const trainable = openOn(planFor(method, settings, ['a']))
  const width = bert.network.width
  const rows = rowsOf(width, 200)
    .map((row) => ({ ...row, weight: 1 }))
    .filter(({ target }) => target.kind === 'all')
    .map((row) => ({
      ...row,
      target: { kind: 'all', yes: row.target.yes.filter((l) => l === 'a') },
    }))
  learned(trainable, rows, 16)
  const { scale } = trainable.sums!()!
  const x = rows.map(({ latent }) =>
    Float64Array.from(latent.data, (v) => Math.round(v * 4096) / 4096),
  )
  const has = rows.map(({ target }) => target.yes.length > 0)
  const meanOf = (keep: (at: number) => boolean) => {
    const own = x.filter((_, at) => keep(at))
    return Array.from({ length: width }, (_, k) => own.reduce((s, v) => s + v[k]!, 0) / own.length)
  }
  const [plus, minus] = [meanOf((at) => has[at]!), meanOf((at) => !has[at]!)]
  const weight = trainable
    .parameters()
    .get('head.weight')!
    .data.map((w) => (10 * w) / scale)
  const project = (v: ArrayLike<number>) => weight.reduce((s, w, k) => s + w * v[k]!, 0)
  // The variance of the projection that is left within both.
  const left = x.reduce(
    (s, v, at) => s + (project(v) - project(has[at] ? plus : minus)) ** 2 / x.length,
    0,
  )
  // Along its own direction, evidence is (μ⁺ − μ⁻)·(z − middle)/variance with a slope of 1.
  expect((project(plus) - project(minus)) / left).toBeCloseTo(1, 1)
  const count = has.filter(Boolean).length
  const prior = Math.log((count + 0.5) / (has.length - count + 0.5))
  const bias = trainable.parameters().get('head.bias')!.data[0]!
  expect((bias - prior) / scale).toBeCloseTo(-(project(plus) + project(minus)) / 2, 2)
})

test('numbers without a greatest length have no such sums, and the message says what can', () => {
  const config = { method: 'ncm', rank: 0, alpha: 1, tail_layers: 0 }
  const base = openFeatures({ size: 4, standardise: false })
  const plan = { ...planOf({ method: ncm, config, base, labels }), task, head: labels }
  const fresh = { parameters: freshAdapter({ ...plan, outputs: 3 }, openRandom(1, 'a')) }
  const refused = thrown(() => openOn({ ...plan, ...fresh }))
  expect(refused.code).toBe('ADAPTER_INVALID')
  expect(refused.message).toContain('head or lora')
})
