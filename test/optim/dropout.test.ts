/** Dropout in the steps of a trainable: there, and nowhere else. */
import { expect, test } from 'vitest'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { bytesOf, hyperparameters, not, open, planOf, randomAdapter, rows } from '../trainer/rig.ts'

const plain = planOf()
const dropped = planOf({ config: { ...plain.config, dropout: 0.3 } })
const parameters = randomAdapter(plain)
const batch = rows(['a', 'b', 'c', 'a', 'b', 'c', not('a'), not('b')])
const inputs = batch.map(({ latent }) => latent)

test('what is asked is answered without it', () => {
  const [one, other] = [open({ ...dropped, parameters }), open({ ...plain, parameters })]
  const without = other.score(inputs)
  // Its rows lie side by side, and the others end to end: the last bits differ.
  for (const [row, logits] of one.score(inputs).entries())
    for (const [at, logit] of logits.entries()) expect(logit).toBeCloseTo(without[row]![at]!, 5)
  one.dispose()
  other.dispose()
})

test('a step has it, draws it anew each time, and so cannot test its rows on the way', () => {
  const still = { ...hyperparameters, learning_rate: 0, head_learning_rate: 0 }
  const [one, other] = [
    open({ ...dropped, parameters, hyperparameters: still }),
    open({ ...plain, parameters, hyperparameters: still }),
  ]
  const some = batch.slice(0, 3)
  const { loss } = other.step(some)
  expect(other.step(some).loss).toBe(loss)
  const losses = Array.from({ length: 30 }, () => one.step(some).loss)
  expect(new Set([...losses, loss]).size).toBe(31)
  // Noise around what it is without: the second order of it is all that stays.
  const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length
  const spread = Math.sqrt(
    losses.reduce((sum, value) => sum + (value - mean) ** 2, 0) / losses.length,
  )
  expect(Math.abs(mean - loss)).toBeLessThan(spread)
  expect(one.testAndStep).toBeUndefined()
  expect(other.testAndStep).toBeDefined()
  one.dispose()
  other.dispose()
})

test.each([
  ['on TensorFlow', dropped, 'none'],
  ['where replayed rows only veto', dropped, 'a-gem'],
  [
    'in plain JavaScript',
    planOf({
      base: openFeatures({ size: 5, hidden: [6], standardise: false }),
      config: { ...dropped.config, rank: 2 },
    }),
    'none',
  ],
] as const)(
  '%s, steps after a restore are those that would have been, bit for bit',
  (_, plan, policy) => {
    const regularizer = openPolicy('regularizer', policies.regularizer, { policy })
    const again = { ...plan, parameters: randomAdapter(plan), regularizer }
    const [one, other] = [open(again), open(again)]
    const some = rows(['a', 'b', 'c', 'a'], plan).map((row, at) => ({ ...row, isReplayed: at > 1 }))
    one.step(some)
    one.step(some)
    other.restore(one.snapshot())
    for (let at = 0; at < 3; at += 1) for (const trainable of [one, other]) trainable.step(some)
    expect(bytesOf(other.snapshot().tensors)).toEqual(bytesOf(one.snapshot().tensors))
    one.dispose()
    other.dispose()
  },
)
