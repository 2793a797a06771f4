/**
 * The product's ranking without its daemon: a choice among candidates for each context, one reward, and an update as often as the
 * model's trigger asks. Vectors of the context come as they are, an item is one of so many.
 */
import { openBase, openTask } from '../../../dist/src/config/model-parts.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { cpuTime, mean, round } from './figures.mjs'
import { openTabularLearner } from './tabular-learner.mjs'
import { update } from './text-learner.mjs'

/** Every setting that is left out is the product's default. */
export function banditModel(width, items, settings) {
  const side = (size) => ({ size, standardise: false })
  const base = { pair: { context: side(width), item: side(items) } }
  return parseConfig(JSON.stringify({ models: { m: { task: 'ranking', base, ...settings } } }), '/')
    .models.m
}

/** `stream` and `tests`: rows of [vector, the item that earns 1]. */
export async function banditRun({ tf, model, items, stream, tests, seed }) {
  const base = await openBase(model.base)
  const task = openTask(model, { labels: 1024 })
  const { learner, trainable } = openTabularLearner(model, base, { tf, seed, limit: 1024, task })
  const { exploration } = task.choices
  const random = openRandom(seed, 'choices')
  const latents = new Map()
  const used = cpuTime()
  let scores = scorer(trainable, items)
  const rewards = []
  for (const [at, [vector, right]] of stream.entries()) {
    const scored = scores(vector)
    if (at < CHECKED) checkScores(scored, vector)
    const odds = exploration.next(scored)
    const chosen = drawn(odds, random.uniform())
    const reward = Number(chosen === right)
    rewards.push(reward)
    const key = `choice ${at}`
    const target = {
      place: 0,
      of: items,
      propensity: odds[chosen],
      reward,
      draw: random.below(2 ** 31),
    }
    const encoded = encodedOf(vector, chosen)
    latents.set(key, { positions: 1, width: encoded.data.length, data: encoded.data })
    const example = { key, id: key, source: 'stream', weight: 1, encoded, target }
    if (learner.accept(example, latents, 0).verdict !== 'update') continue
    update(learner, latents)
    scores = scorer(trainable, items)
  }
  if (learner.pendingCount > 0) update(learner, latents)
  scores = scorer(trainable, items)
  const cpuSeconds = round(used() / 1000, 1)
  const hits = tests.filter(([vector, right]) => best(scores(vector)) === right).length
  trainable.dispose()
  return {
    ...{
      reward: round(100 * mean(rewards)),
      late: round(100 * mean(rewards.slice(-(rewards.length >> 2)))),
    },
    ...{ learned: round((100 * hits) / Math.max(1, tests.length)), cpuSeconds },
  }

  function encodedOf(vector, item) {
    const one = Array.from({ length: items }, (_, at) => Number(at === item))
    const choice = { context: [...vector], item: one }
    return base.encode({ kind: 'choice', choice }, 0)
  }

  /** The equation below is that of the network. */
  function checkScores(scored, vector) {
    const rows = [0, items - 1].map((item) => {
      const { data } = encodedOf(vector, item)
      return { positions: 1, width: data.length, data }
    })
    for (const [at, outputs] of trainable.score(rows).entries()) {
      const own = scored[at * (items - 1)].score
      const { score } = task.choices.scored(outputs)
      if (Math.abs(score - own) > 1e-4) throw new Error(`scores differ: ${score} and ${own}`)
    }
  }

  /** w·c + v·i + cᵀW i of all items at once, where the network would multiply mostly zeros. */
  function scorer(learned, count) {
    const parameters = learned.parameters()
    const { data: weight, shape } = parameters.get('head.weight')
    const { data: bias } = parameters.get('head.bias')
    const outputs = shape.at(-1)
    return (vector) => {
      const width = vector.length
      const first = width + count
      const sums = Array.from({ length: count }, () => Float64Array.from(bias))
      for (let item = 0; item < count; item += 1)
        for (let output = 0; output < outputs; output += 1)
          sums[item][output] += weight[(width + item) * outputs + output]
      for (let at = 0; at < width; at += 1) {
        const value = vector[at]
        for (let item = 0; item < count; item += 1)
          for (let output = 0; output < outputs; output += 1)
            sums[item][output] +=
              value *
              (weight[at * outputs + output] +
                weight[(first + item * width + at) * outputs + output])
      }
      return sums.map((own) => task.choices.scored(own))
    }
  }
}

/** Rounds whose scores are compared with those of the network. */
const CHECKED = 40

function drawn(odds, u) {
  let sum = 0
  for (const [at, probability] of odds.entries()) {
    sum += probability
    if (u < sum) return at
  }
  return odds.lastIndexOf(Math.max(...odds))
}

function best(scored) {
  return scored.reduce((most, { score }, at) => (score > scored[most].score ? at : most), 0)
}
