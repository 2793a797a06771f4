/** Training on texts: gradients of every method, what a step costs nothing of, and log-probabilities as the server has them. */
import { describe, expect, test } from 'vitest'
import { specsOf } from '../../src/adapters/adapter.ts'
import { answersIn } from '../../src/nn/answer-outputs.ts'
import { tokenLogs } from '../../src/nn/tfjs/vocabulary.ts'
import type { AdapterConfig } from '../../src/contracts/adapter.ts'
import type { Random, Tensors } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods } from '../../src/plugins.ts'
import { lengthGroups } from '../../src/optim/engines/batch.ts'
import { decoders, openTiny, type Decoder } from '../nn/tiny-language.ts'
import { hyperparameters, openTexts, textPlan, textRows, tf, type Said } from '../tasks/texts.ts'

const table: readonly (AdapterConfig & { readonly decoder?: Decoder })[] = [
  { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 },
  { method: 'lora', rank: 2, alpha: 4, tail_layers: 'all', decoder: 'gemma3' },
  { method: 'dora', rank: 2, alpha: 4, tail_layers: 1 },
  { method: 'ia3', rank: 0, alpha: 1, tail_layers: 1 },
  { method: 'bottleneck', rank: 2, alpha: 1, tail_layers: 1 },
  { method: 'loreft', rank: 2, alpha: 1, tail_layers: 1 },
  { method: 'full', rank: 0, alpha: 1, tail_layers: 1 },
]

function randomParameters(plan: ReturnType<typeof textPlan>): Tensors {
  const random = openRandom(1, 'adapter')
  return new Map(
    specsOf(plan).map(({ name, shape }) => {
      const length = shape.reduce((product, size) => product * size, 1)
      return [name, { shape, data: Float32Array.from({ length }, () => random.normal() * 0.2) }]
    }),
  )
}

const normal = (random: Random) => () => random.normal()

const free = { ...hyperparameters, optimizer: 'sgd', clip_norm: Infinity } as const

describe.each(table)('$method over $tail_layers layers of $decoder', ({ decoder, ...config }) => {
  test('has the gradients that finite differences have, for every kind of feedback', async () => {
    const { retract: _, ...method } = methods[config.method as 'lora'].open(config)
    const plan = textPlan({
      ...{ config, kl: 0.5, beta: 0.5, general_batch: 1, base: await openTiny(decoder) },
      method: { ...methods[config.method as 'lora'], open: () => method },
    })
    const rows = await textRows(plan)
    const parameters = randomParameters(plan)
    const moved = openTexts(plan, { parameters, hyperparameters: { ...free, learning_rate: 1 } })
    moved.step(rows)
    const after = moved.parameters()
    moved.dispose()
    const still = openTexts(plan, { parameters, hyperparameters: { ...free, learning_rate: 0 } })
    const lossAt = (tensors: Tensors) => {
      still.restore({ head: [], tensors, steps: 0 })
      return still.step(rows).loss
    }
    const random = openRandom(1, 'difference')
    // Two directions in the space of all parameters, each of length 1.
    for (let direction = 0; direction < 2; direction += 1) {
      const raw = new Map(
        [...parameters].map(([name, { data }]) => [name, data.map(normal(random))]),
      )
      const length = Math.hypot(...[...raw.values()].map((values) => Math.hypot(...values)))
      const along = (name: string, place: number) => raw.get(name)![place]! / length
      const at = (by: number) =>
        lossAt(
          new Map(
            [...parameters].map(([name, { shape, data }]) => [
              name,
              { shape, data: data.map((value, place) => value + by * along(name, place)) },
            ]),
          ),
        )
      const step = 1 / 64
      const slope = (at(-2 * step) - 8 * at(-step) + 8 * at(step) - at(2 * step)) / (12 * step)
      let found = 0
      for (const [name, { data }] of parameters)
        for (const [place, value] of data.entries())
          found += (value - after.get(name)!.data[place]!) * along(name, place)
      expect(found).toBeCloseTo(slope, 3)
    }
    still.dispose()
  })
})

test.each(decoders)(
  'a step on %s lowers the loss, gives equal bytes again, and leaves no tensor behind',
  async (name) => {
    const plan = textPlan({ base: await openTiny(name) })
    const rows = await textRows(plan)
    const train = () => {
      const trainable = openTexts(plan)
      // The first step also reads the weights of the base.
      const first = trainable.step(rows).loss
      const before = tf.memory().numTensors
      const losses = [first, ...[2, 3, 4].map(() => trainable.step(rows).loss)]
      trainable.score(rows.map(({ latent }) => latent))
      expect(tf.memory().numTensors).toBe(before)
      const parameters = trainable.parameters()
      trainable.dispose()
      return { losses, bytes: [...parameters].map(([, { data }]) => [...data]) }
    }
    const [one, other] = [train(), train()]
    expect(one.losses[3]).toBeLessThan(one.losses[0]!)
    expect(one).toEqual(other)
  },
)

test('every token of the completions of a step counts the same, in whatever groups they are learned', async () => {
  const liked_weight = 0.5
  const plan = textPlan({ liked_weight })
  const few = 'Yes.'
  const many = 'one two three four five six seven eight nine ten eleven twelve thirteen'
  const about = (text: string): Said => ['Why?', { kind: 'completion', text }]
  const pair: Said = ['Who?', { kind: 'preference', chosen: 'You and I.', rejected: 'No.' }]
  const liked: Said = ['Who?', { kind: 'rating', rating: 1 }, 'You and I, and all of them.']
  const said = [...Array.from({ length: 8 }, () => about(few)), about(many), pair, liked]
  const rows = (await textRows(plan, said)).map((row, at) => ({ ...row, weight: 1 + (at % 3) }))
  const lengths = rows.map(({ latent }) => Math.max(...latent.sequences!.map((s) => s.positions)))
  expect(lengthGroups(lengths).length).toBeGreaterThan(1)

  const trainable = openTexts(plan, { parameters: randomParameters(plan) })
  const outputs = trainable.score(rows.map(({ latent }) => latent))
  const { loss } = trainable.step(rows)
  trainable.dispose()
  let [nats, weights, tokens, others] = [0, 0, 0, 0]
  for (const [at, { weight, target }] of rows.entries()) {
    const [one, other] = answersIn(outputs[at]!)
    const part = weight * (at < 9 ? 1 : at === 10 ? liked_weight : 0)
    nats -= part * one!.logs.reduce((sum, log) => sum + log, 0)
    weights += part
    tokens += part * one!.logs.length
    const alone = { target, outputs: outputs[at]!, share: weight / rows.length }
    const { loss } = textPlan({ liked_weight: 0 }).task
    if (other !== undefined || at === 10)
      others += loss(alone, [], new Float32Array(outputs[at]!.length), new Map())
  }
  const share = weights / rows.length
  expect(loss).toBeCloseTo((share * nats) / tokens + others, 4)
})

test('a fresh adapter answers like the base, and a test in the step like a test before it', async () => {
  const plan = textPlan({ kl: 1 })
  const rows = await textRows(plan)
  const trainable = openTexts(plan)
  const before = trainable.score(rows.map(({ latent }) => latent))
  for (const outputs of before)
    for (const { logs, reference } of answersIn(outputs))
      for (const [at, log] of logs.entries()) expect(log).toBeCloseTo(reference[at]!, 5)
  const { logits } = trainable.testAndStep!(rows)
  for (const [at, outputs] of logits.entries())
    for (const [place, value] of outputs.entries())
      expect(value).toBeCloseTo(before[at]![place]!, 5)
  trainable.dispose()
})

test('the vocabulary in several parts is the vocabulary in one', () => {
  const random = openRandom(1, 'vocabulary')
  const draw = (rows: number, columns: number) =>
    tf.tensor2d(
      Float32Array.from({ length: rows * columns }, () => random.normal()),
      [rows, columns],
    )
  tf.tidy(() => {
    const [h, E] = [draw(7, 5), draw(40, 5)]
    const tokens = Int32Array.from([3, 0, 39, 7, 7, 12, 20])
    const read = (mostLogits: number) => {
      const { logs, slopes } = tokenLogs(tf, { h, tokens, E }, { withSlopes: true, mostLogits })
      return [...logs, ...slopes!.dataSync<'float32'>()]
    }
    const [whole, parted] = [read(1e6), read(80)]
    for (const [at, value] of parted.entries()) expect(value).toBeCloseTo(whole[at]!, 5)
  })
})

test('the distance from the base is the divergence of all next tokens, and 0 for a fresh adapter', async () => {
  const plan = textPlan()
  const latents = (await textRows(plan)).map(({ latent }) => latent)
  const fresh = openTexts(plan)
  for (const nats of fresh.divergences!(latents)) expect(nats).toBeCloseTo(0, 5)
  fresh.dispose()
  const moved = openTexts(plan, { parameters: randomParameters(plan) })
  const found = moved.divergences!(latents)
  for (const nats of found) expect(nats).toBeGreaterThan(1e-4)
  // Of one row by itself the same.
  expect(moved.divergences!(latents.slice(2, 3))[0]).toBeCloseTo(found[2]!, 5)
  moved.dispose()
})
