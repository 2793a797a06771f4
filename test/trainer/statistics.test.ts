/** What a base counts is part of what learns: in every version, in every checkpoint, and in the order of the stream. */
import { asKey, identified } from '../example-key.ts'
import { describe, expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { lora } from '../../src/adapters/lora.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { methods, tasks } from '../../src/plugins.ts'
import type { Trainable } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Latent } from '../../src/contracts/network.ts'
import type { Example } from '../../src/contracts/example.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { Learner } from '../../src/learner/learner.ts'
import { randomVersion } from '../nn/random-version.ts'
import { bytesOf, hyperparameters, open } from './rig.ts'

const base = openFeatures({ size: 2, hidden: [4], window: 5 })
const config = { method: 'lora', rank: 1, alpha: 1, tail_layers: 'all' } as const
const plan = labelledPlan({ base, method: lora, config }, ['a', 'b'])

const rows = [
  [1, 2, 'a'],
  [3, -2, 'b'],
  [2, 0, 'a'],
  [900, 4, 'b'],
].map(([x, y, label]) => ({
  latent: latentOf(x as number, y as number),
  target: { kind: 'label', label: label as string } as const,
  weight: 1,
}))
const inputs = rows.map(({ latent }) => latent)

describe('what a base counts', () => {
  it('goes into the version and decides the answers, and no step moves it', () => {
    const trainable = opened()
    trainable.observe!(rows)
    const counted = statisticsOf(trainable)
    // The 900 counts as 2 + 5 · 1.4826.
    expect(counted[0]).toBeCloseTo((1 + 3 + 2 + 9.413) / 4, 3)
    expect(counted[1]).toBe(1)
    const before = trainable.score(inputs)
    trainable.step(rows)
    expect(statisticsOf(trainable)).toEqual(counted)
    const after = trainable.score(inputs)
    expect(after).not.toEqual(before)
    trainable.observe!(rows.slice(0, 1))
    expect(trainable.score(inputs)).not.toEqual(after)
  })

  it('comes back from a checkpoint to the last bit, and goes on from there', () => {
    const [one, other] = [opened(), opened()]
    for (const row of rows) {
      one.observe!([row])
      one.step(rows)
    }
    other.restore(one.snapshot())
    expect(bytesOf(other.snapshot().tensors)).toEqual(bytesOf(one.snapshot().tensors))
    for (const trainable of [one, other]) {
      trainable.observe!(rows)
      trainable.step(rows)
    }
    expect(bytesOf(other.snapshot().tensors)).toEqual(bytesOf(one.snapshot().tensors))
  })

  it('goes on from a checkpoint and a version of an earlier release, which ended behind the counts', () => {
    const [one, other] = [opened(), opened()]
    one.observe!(rows)
    const state = one.snapshot()
    other.restore({ ...state, tensors: earlier(state.tensors) })
    expect(statisticsOf(other).slice(0, 10)).toEqual(statisticsOf(one).slice(0, 10))
    other.observe!(rows)
    expect([...countsOf(other)]).toEqual([8, 8])
    const bundle = openBundle({ base, methods, tasks })
    const version = randomVersion(plan, openRandom(1, 'version'))
    const old = bundle.write({ ...version, parameters: earlier(version.parameters) })
    const read = bundle.read(old, version.manifest).get('features.statistics')!
    expect(read.shape).toEqual(base.statistics!.parameters[0]!.shape)
  })

  it('is on disk beside the head, where PEFT does not look', () => {
    const bundle = openBundle({ base, methods, tasks })
    const version = randomVersion(plan, openRandom(1, 'version'))
    const files = bundle.write(version)
    const text = (name: string) => new TextDecoder().decode(files.get(name))
    expect(text('head.safetensors')).toContain('features.statistics')
    expect(text('adapter_model.safetensors')).not.toContain('features.statistics')
    expect(bytesOf(bundle.read(files, version.manifest))).toEqual(bytesOf(version.parameters))
  })
})

it('a closed form says what it needs instead of adding up moving embeddings', () => {
  const method = methods.ncm
  const own = { ...plan, method, config: { ...config, method: 'ncm' } }
  expect(() => open({ ...own, parameters: freshAdapter(own, openRandom(1, 'fresh')) })).toThrow(
    'standardise: false',
  )
})

describe('a learner on such a base', () => {
  it('counts each example once, after its test, whatever the epochs', async () => {
    const { trainable, learner, learn } = await openLearner('reservoir')
    const counts: number[][] = []
    learn(() => counts.push([...countsOf(trainable)]))
    expect(counts).toEqual([
      [2, 2],
      [4, 4],
    ])
    expect([learner.scores.count, learner.scoreboard.unanswered]).toEqual([2, 2])
  })

  it('remembers each example as it was at its moment, in the order of the stream', async () => {
    const { learner, learn } = await openLearner('reservoir')
    learn()
    const { statistics } = base
    const [parameter] = statistics!.parameters
    const data = new Float32Array(parameter!.shape[0]!)
    let before: Tensors = new Map([[parameter!.name, { shape: parameter!.shape, data }]])
    const remembered = new Map(learner.remembered.map(({ key, encoded }) => [key, encoded]))
    for (const [at, latent] of inputs.entries()) {
      const values = statistics!.stamp!(before, latent).data
      expect(remembered.get(asKey(`${at}`)), `${at}`).toEqual({ data: values })
      before = statistics!.observe(before, [latent])
    }
  })

  it('counts what it keeps where it begins anew each time', async () => {
    const { trainable, learn } = await openLearner('gdumb')
    learn()
    expect(countsOf(trainable)).toEqual(Float32Array.of(4, 4))
  })
})

async function openLearner(policy: string) {
  const trainable = opened()
  const trunk = await openTrunkEngine(base, 0)
  const latentsOf = (examples: readonly Example[]) =>
    new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow!(encoded)]))
  const learner = new Learner({
    trainable,
    task: plan.task,
    replayBuffer: {
      replay: openPolicy('replay', policies.replay, { policy, capacity: 10 }),
      draw: openRandom(1, 'draw'),
      offer: openRandom(1, 'offer'),
    },
    trigger: openPolicy('trigger', policies.trigger, { policy: 'count', every: 2 }),
    chance: openRandom(1, 'trigger'),
    rate: openPolicy('rate', policies.rate, { policy: 'constant' }),
    freshParameters: () => freshAdapter(plan, openRandom(1, 'fresh')),
    rollback: openPolicy('rollback', policies.rollback, { policy: 'never' }),
    train: { batch: 2, replay_batch: 2, epochs: 3 },
  })
  const learn = (afterUpdate?: () => void) => {
    for (const example of rows.map(exampleOf)) {
      if (learner.accept(example, latentsOf([example]), 0).verdict !== 'update') continue
      const told = learner.update()
      for (let next = told.next(); next.done !== true;) next = told.next(latentsOf(next.value))
      afterUpdate?.()
    }
  }
  return { trainable, learner, learn }
}

function opened(): Trainable {
  const parameters = freshAdapter(plan, openRandom(1, 'fresh'))
  return open({ ...plan, hyperparameters, parameters })
}

function statisticsOf(trainable: Trainable): Float32Array {
  return trainable.parameters().get('features.statistics')!.data
}

function earlier(tensors: Tensors): Tensors {
  const { data } = tensors.get('features.statistics')!
  return new Map([...tensors, ['features.statistics', { shape: [10], data: data.slice(0, 10) }]])
}

/** Behind means and variances of all and of recent values of two columns. */
function countsOf(trainable: Trainable): Float32Array {
  return statisticsOf(trainable).slice(8, 10)
}

/** Two numbers, room for how they compare with recent ones, and the mark that this was written in. */
function latentOf(x: number, y: number): Latent {
  return { positions: 1, width: 5, data: Float32Array.of(x, y, 0, 0, 0) }
}

function exampleOf({ latent, target, weight }: (typeof rows)[number], at: number): Example {
  return {
    ...identified('s', `${at}`),
    key: asKey(`${at}`),
    encoded: { data: latent.data },
    target,
    weight,
  }
}
