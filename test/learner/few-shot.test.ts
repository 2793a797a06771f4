/** The first examples by contrast: when an update is one, what it learns, and that it is repeated to the byte. */
import { describe, expect, it } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { Latent } from '../../src/contracts/network.ts'
import type { Example } from '../../src/contracts/example.ts'
import { Learner } from '../../src/learner/learner.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { identified } from '../example-key.ts'
import { bytesOf, latents as drawn, labelled, not, open, planOf } from '../trainer/rig.ts'

const known = ['a', 'b']
const config = { method: 'lora', rank: 3, alpha: 6, tail_layers: 1 } as const
const plan = planOf({ labels: known, config })
const found = new Map<string, Latent>()

function example(at: number, target: LabelTarget = labelled(known[at % 2]!)): Example {
  const own = identified('desk', String(at))
  const [latent] = drawn([1 + (at % 5)], plan, at)
  // The class is one direction among many.
  const shift = at % 2 === 0 ? 1 : -1
  found.set(own.key, {
    ...latent!,
    data: latent!.data.map((x, i) => x + (i % 3 === 0 ? shift : 0)),
  })
  const encoded = { data: new Int32Array(latent!.positions) }
  return { ...own, encoded, target, weight: 1 }
}

const few = {
  policy: 'contrastive',
  first: 16,
  last: 40,
  batch: 8,
  passes: 2,
  rate: 1,
  penalty: 0.01,
}

function openLearner() {
  const trainable = open(plan)
  const fresh = () => freshAdapter(plan, openRandom(1, 'fresh'))
  const policy = (kind: keyof typeof policies, chosen: object): never =>
    openPolicy<never>(kind, policies[kind] as never, chosen as never)
  const learner = new Learner({
    trainable,
    task: plan.task,
    replayBuffer: {
      replay: policy('replay', { policy: 'reservoir', capacity: 100 }),
      draw: openRandom(1, 'draw'),
      offer: openRandom(1, 'offer'),
    },
    trigger: policy('trigger', { policy: 'count', every: 8 }),
    chance: openRandom(1, 'trigger'),
    rate: policy('rate', { policy: 'constant' }),
    fewShot: policy('few_shot', few),
    freshParameters: fresh,
    rollback: policy('rollback', { policy: 'never' }),
    train: { batch: 8, replay_batch: 8, epochs: 1 },
  })
  return { learner, trainable }
}

function learn(learner: Learner, examples: readonly Example[]) {
  const outcomes = []
  for (const each of examples) {
    if (learner.accept(each, found as never, 0).verdict === 'wait') continue
    const story = learner.update()
    let next = story.next()
    while (next.done !== true) next = story.next(found as never)
    outcomes.push(next.value)
  }
  return outcomes
}

const stream = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => example(from + at))

describe('few_shot: contrastive', () => {
  it('begins again when the examples pass the first number and each time they have doubled, up to the last', () => {
    const { learner, trainable } = openLearner()
    const restarted = learn(learner, stream(0, 64)).map(({ hasRestarted }) => hasRestarted === true)
    // The next would be 64, which is more than 40.
    expect(restarted.flatMap((is, at) => (is ? [8 * (at + 1)] : []))).toEqual([16, 32])
    expect(learner.updates.progress.learned).toBe(64)
    trainable.dispose()
  })

  it('answers what it has not seen', () => {
    const { learner, trainable } = openLearner()
    learn(learner, stream(0, 16))
    const tests = stream(1000, 1040)
    const logits = trainable.score(tests.map(({ key }) => found.get(key)!))
    const right = logits.filter(([a = 0, b = 0], at) => (a > b ? 0 : 1) === at % 2)
    expect(right.length).toBeGreaterThan(30)
    trainable.dispose()
  })

  it('is repeated to the byte by a learner that was restored before it', () => {
    const [one, other] = [openLearner(), openLearner()]
    learn(one.learner, stream(0, 24))
    const [weights, state] = [one.learner.weights(), one.learner.learnerState()]
    other.learner.restore(weights, state, one.learner.remembered)
    for (const { learner } of [one, other]) learn(learner, stream(24, 40))
    expect(bytesOf(other.learner.weights().tensors)).toEqual(bytesOf(one.learner.weights().tensors))
    expect(other.learner.learnerState()).toEqual(one.learner.learnerState())
    for (const { trainable } of [one, other]) trainable.dispose()
  })

  it('waits for a second class', () => {
    const { learner, trainable } = openLearner()
    const alike = Array.from({ length: 16 }, (_, at) => example(2 * at))
    expect(learn(learner, alike).every(({ hasRestarted }) => hasRestarted === undefined)).toBe(true)
    expect(learner.updates.progress.learned).toBe(16)
    trainable.dispose()
  })

  it('teaches what only rules out an answer in the usual way', () => {
    const { learner, trainable } = openLearner()
    const mixed = stream(0, 16).map((each, at) => (at % 6 === 5 ? example(at, not('a')) : each))
    const last = learn(learner, mixed).at(-1)!
    expect(last.hasRestarted).toBe(true)
    expect(last.unlearned).toBeUndefined()
    trainable.dispose()
  })

  it('leaves an example that makes steps fail to the usual steps, which find it', () => {
    const { learner, trainable } = openLearner()
    const examples = stream(0, 16)
    const bad = examples[12]!
    found.set(bad.key, { ...found.get(bad.key)!, data: found.get(bad.key)!.data.map(() => NaN) })
    const last = learn(learner, examples).at(-1)!
    expect(last.hasRestarted).toBeUndefined()
    expect(last.poison).toEqual([bad.key])
    expect(last.learned).toBe(7)
    trainable.dispose()
  })
})
