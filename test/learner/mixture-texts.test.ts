/** A mixture of experts on texts: its experts answer where the adapter has learned nothing, in the server as in the trainer. */
import { afterAll, expect, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { Latent } from '../../src/contracts/network.ts'
import type { Example, Score } from '../../src/contracts/example.ts'
import { Learner } from '../../src/learner/learner.ts'
import type { LatentRequests } from '../../src/learner/learner-types.ts'
import { openComparedEngine, openKnnEngine } from '../../src/learner/memory/engines.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies, tasks } from '../../src/plugins.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { identified } from '../example-key.ts'
import { randomVersion } from '../nn/random-version.ts'
import { bert, hyperparameters, labelled, planOf, tensorsOf, tf } from '../trainer/rig.ts'

/** Of two layers, one is under the adapter, so that what is compared is not the input of the first. */
const plan = planOf({
  labels: ['no', 'yes'],
  config: { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 },
})
const cut = cutOf(1, plan.base.network.layers)
const trunk = await openTrunkEngine(plan.base, cut)
afterAll(() => trunk.close())

const examples = Array.from({ length: 40 }, (_, at): Example => {
  const label = at % 3 === 0 ? 'yes' : 'no'
  const text = `${label === 'yes' ? 'a lovely film' : 'the worst day of all'} ${at % 7}`
  const encoded = bert.encode({ kind: 'text', text }, 16)
  return { ...identified('desk', String(at)), encoded, target: labelled(label), weight: 1 }
})
const latents = await trunk.encode(examples.map(({ encoded }) => encoded))
const known = new Map(examples.map(({ key }, at) => [key, latents[at]!]))

function finish<Result>(story: LatentRequests<Result>): Result {
  let next = story.next()
  while (next.done !== true) next = story.next(known)
  return next.value
}

let embedded = 0

/** The rates are so small that the adapter stays as it was. */
function openLearner(): Learner {
  const { task, head } = plan
  const parameters = () => freshAdapter(plan, openRandom(1, 'fresh'))
  const baseTensors = tensorsOf(bert)
  const trainable = openTrainable({
    ...{ ...plan, tf, baseTensors, head, parameters: parameters() },
    hyperparameters: { ...hyperparameters, learning_rate: 1e-9 },
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
  })
  const policy = openPolicy('memory', policies.memory, { policy: 'mixture' })
  const opened = openKnnEngine({ tf, base: bert, baseTensors, cut })
  const embed = (latent: Latent) => {
    embedded += 1
    return opened.embed(latent)
  }
  const engine = { ...opened, embed }
  const compared = openComparedEngine(bert, engine)
  return new Learner({
    ...{ task, trainable, freshParameters: parameters, chance: openRandom(1, 'trigger') },
    replayBuffer: {
      replay: openPolicy('replay', policies.replay, { policy: 'none' }),
      draw: openRandom(1, 'draw'),
      offer: openRandom(1, 'offer'),
    },
    trigger: openPolicy('trigger', policies.trigger, { policy: 'count', every: 8 }),
    rate: openPolicy('rate', policies.rate, { policy: 'constant' }),
    rollback: openPolicy('rollback', policies.rollback, { policy: 'never' }),
    train: { batch: 8, replay_batch: 0, epochs: 1 },
    knnMemory: { policy, engine, compared, width: bert.network.width },
  })
}

const learner = openLearner()
for (const example of examples)
  if (learner.accept(example, known, 0).verdict === 'update') finish(learner.update())
const together = finish(learner.scoring.versionOn(examples))

test('a mixture is right where its adapter alone is wrong, on the way and afterwards', () => {
  const errors = (scores: readonly Score[]) => scores.reduce((sum, { error }) => sum + error, 0)
  const adapter = errors(examples.map((example) => learner.scoreOf(example, known)))
  expect(adapter).toBeGreaterThan(examples.length / 4)
  expect(errors(together)).toBeLessThan(2)
  expect(learner.scores.accuracy).toBeGreaterThan(0.85)
})

test('an example is embedded once to be tested, stored, learned and tested again', () => {
  expect(embedded).toBe(examples.length)
})

test('a version of it answers in the server as in the trainer', async () => {
  const { task } = plan
  const made = randomVersion({ ...plan, facts: task.facts(learner.head) }, openRandom(1, 'any'))
  const version = {
    manifest: { ...made.manifest, memory: learner.knnMemory!.shape },
    parameters: learner.parameters(),
  }
  const engine = await openServingEngine({ base: bert, methods, tasks, workers: 1 })
  await engine.load('v1', version)
  const served = await engine.run(examples.map(({ encoded }) => ({ adapter: 'v1', encoded })))
  await engine.close()
  for (const [at, score] of together.entries()) {
    const own = task.score(served[at]!, examples[at]!.target, learner.head)
    expect(own.answer).toEqual(score.answer)
    expect(Math.abs(Math.exp(-own.loss) - Math.exp(-score.loss))).toBeLessThan(1e-4)
  }
})
