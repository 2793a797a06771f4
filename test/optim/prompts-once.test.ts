/** What texts of a row have in common is computed once, and so is the answer of the base: with the numbers of texts that lie apart. */
import { expect, test } from 'vitest'
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { latentOfRow, type RowReader } from '../../src/nn/rows.ts'
import { openTiny } from '../nn/tiny-language.ts'
import { openTexts, textPlan, textRows, tf, type TextPlan } from '../tasks/texts.ts'
import { randomAdapter } from '../trainer/rig.ts'

const plan = textPlan({ kl: 0.1 })
const rows = await textRows(plan)
const latents = rows.map(({ latent }) => latent)
const open = (isCompiled: boolean, of: TextPlan = plan) =>
  openTexts(of, {
    parameters: randomAdapter(of, 1, 0.1),
    ...(isCompiled && {
      compiling: {
        onEager(reason) {
          throw new Error(`stays eager: ${reason}`)
        },
      },
    }),
  })

/** A latent whose positions are their tokens. */
const byToken: RowReader = {
  whole: ({ data }) =>
    Promise.resolve({ positions: data.length, width: 1, data: Float32Array.from(data) }),
}

test('a long beginning is read once, a short one with each text', async () => {
  const read: number[][] = []
  const whole: RowReader['whole'] = (row) => {
    read.push([...row.data])
    return byToken.whole(row)
  }
  const reader: RowReader = {
    whole,
    once: (row, ends) => Promise.all([row, ...ends.map((data) => ({ data }))].map(whole)),
  }
  const latentOf = async (shared: number) => {
    read.length = 0
    const prompt = Array.from({ length: shared }, (_, at) => at)
    const texts = [
      [...prompt, 100, 101],
      [...prompt, 200, 201, 202],
    ]
    const sequences = texts.map(({ length }) => ({ length, answerFrom: shared }))
    const latent = await latentOfRow({ data: Int32Array.from(texts.flat()), sequences }, reader)
    expect([...latent.data]).toEqual([...prompt, 100, 200, 201])
    expect(latent).toMatchObject({ shared, positions: shared + 3 })
    return read.map(({ length }) => length)
  }
  expect(await latentOf(16)).toEqual([16, 1, 2])
  expect(await latentOf(15)).toEqual([16, 17])
})

test('a row keeps the beginning of its texts once, however long it is', async () => {
  const latentOf = (...texts: readonly (readonly [number[], number])[]) =>
    latentOfRow(
      {
        data: Int32Array.from(texts.flatMap(([ids]) => ids)),
        sequences: texts.map(([{ length }, answerFrom]) => ({ length, answerFrom })),
      },
      byToken,
    )
  const pair = await latentOf([[1, 2, 3, 4], 2], [[1, 2, 5, 6, 7], 2])
  expect([...pair.data]).toEqual([1, 2, 3, 5, 6])
  expect(pair).toMatchObject({ shared: 2, positions: 5 })
  expect(pair.sequences?.map(({ positions }) => positions)).toEqual([3, 4])
  const alone = await latentOf([[1, 2, 3, 4], 2])
  expect([...alone.data]).toEqual([1, 2, 3])
  const others = await latentOf([[1, 2, 3], 1], [[4, 2, 3], 1])
  expect([...others.data]).toEqual([1, 2, 4, 2])
  expect(others.shared).toBe(0)
  const within = await latentOf([[1, 2, 3], 1], [[1, 2, 3, 4, 5], 1])
  expect([...within.data]).toEqual([1, 2, 3, 4])
  const same = await latentOf([[1, 2, 3], 1], [[1, 2, 3], 1])
  expect([...same.data]).toEqual([1, 2])
})

/** Each text of the row whole, as if they had no beginning in common. */
function apart(latent: Latent): Latent {
  const { width, data, sequences = [], shared = 0 } = latent
  let own = shared
  const texts = sequences.map(({ positions }) => {
    const end = own + positions - shared
    const parts = [data.subarray(0, shared * width), data.subarray(own * width, end * width)]
    own = end
    return parts.flatMap((part) => [...part])
  })
  const whole = Float32Array.from(texts.flat())
  return {
    ...latent,
    data: whole,
    positions: whole.length / width,
    shared: 0,
    sequences: [...sequences],
  }
}

/** All layers of one with a window, which counts the positions of a text and not those of its row. */
const windowed = textPlan({
  base: await openTiny('gemma3'),
  config: { method: 'lora', rank: 2, alpha: 4, tail_layers: 'all' },
})

test.each([
  { name: 'llama', of: plan, isCompiled: false },
  { name: 'llama', of: plan, isCompiled: true },
  { name: 'gemma3', of: windowed, isCompiled: false },
  { name: 'gemma3', of: windowed, isCompiled: true },
])(
  'the step is that of texts that lie apart ($name, compiled: $isCompiled)',
  async ({ of, isCompiled }) => {
    const whole = await textRows(of)
    const lying = whole.map((row): TrainRow => ({ ...row, latent: apart(row.latent) }))
    const positions = (some: readonly TrainRow[]) =>
      some.reduce((sum, { latent }) => sum + latent.positions, 0)
    expect(positions(whole)).toBeLessThan(positions(lying))
    const [one, other] = [open(isCompiled, of), open(isCompiled, of)]
    for (let at = 0; at < 5; at += 1) {
      const [found, wanted] = [one.step(whole), other.step(lying)]
      expect(found.dropped).toBe(false)
      expect(Math.abs(found.loss - wanted.loss)).toBeLessThan(1e-5 * (1 + Math.abs(wanted.loss)))
      expect(found.gradientNorm / wanted.gradientNorm).toBeCloseTo(1, 4)
    }
    const scores = (trainable: typeof one, some: readonly TrainRow[]) =>
      trainable.score(some.map(({ latent }) => latent))
    const [found, wanted] = [scores(one, whole), scores(other, lying)]
    for (const [at, outputs] of found.entries())
      for (const [place, value] of outputs.entries())
        expect(value).toBeCloseTo(wanted[at]![place]!, 3)
    one.dispose()
    other.dispose()
  },
)

test('the base answers a row once', async () => {
  const trainable = open(false)
  const kernels = async () => (await tf.profile(() => void trainable.score(latents))).kernels.length
  const [first, second, third] = [await kernels(), await kernels(), await kernels()]
  expect(second).toBeLessThan(first)
  expect(third).toBe(second)
  trainable.dispose()
})

test.each([false, true])(
  'what the base answers does not depend on the rows beside it (compiled: %s)',
  (isCompiled) => {
    const [one, other] = [open(isCompiled), open(isCompiled)]
    const fresh = latents.map((latent) => ({ ...latent, sequences: [...(latent.sequences ?? [])] }))
    const together = one.score(latents)
    for (const [at, latent] of [...fresh.entries()].reverse()) {
      const [outputs] = other.score([latent])
      const count = (outputs!.length - 1 - latent.sequences.length) / 2
      expect(Buffer.from(outputs!.slice(-count).buffer)).toEqual(
        Buffer.from(together[at]!.slice(-count).buffer),
      )
    }
    one.dispose()
    other.dispose()
  },
)
