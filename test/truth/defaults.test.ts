/** A default chooses by the data, and no setting is without effect. */
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { openRandom } from '../../src/platform/random.ts'

const opened = (model: object) => () =>
  parseConfig(JSON.stringify({ models: { m: { labels: ['a', 'b'], ...model } } }), '/')

test.each([
  ['the frozen default of e5-small', { base: 'e5-small' }],
  ['the frozen default of open labels', { base: 'minilm', labels: { open: true } }],
  ['a head alone', { base: 'minilm', adapter: { method: 'head' } }],
])('few_shot is refused beside %s, where it would have no effect', (_name, model) => {
  const fewShot = { few_shot: { policy: 'contrastive' } }
  expect(opened({ ...model, ...fewShot })).toThrow(/few_shot.*policy.*has no effect here.*lora/s)
  expect(opened({ ...model, few_shot: { policy: 'none' } })).not.toThrow()
  const adapter = { method: 'lora' }
  expect(opened({ ...model, ...fewShot, adapter })).not.toThrow()
})

test('the default of e5-small chooses its ridge from the sums: stronger where labels are few and a fifth is wrong', () => {
  for (const labels of [['a', 'b'], { open: true }])
    expect(opened({ base: 'e5-small', labels })().models.m!.adapter.ridge).toBeUndefined()
  const few = rightBy({ n: 80, wrong: 0.2, classes: 2 })
  expect(few()).toBeGreaterThan(few(3) + 0.05)
  const many = rightBy({ n: 1000, wrong: 0, classes: 8 })
  expect(many()).toBeGreaterThan(many(3) - 0.01)
})

const width = 64

/** The part of 500 other examples that a head answers right, by its ridge. */
function rightBy({ n, wrong, classes }: { n: number; wrong: number; classes: number }) {
  const random = openRandom(1, 'ridge of the default')
  const drawn = Array.from({ length: n + 500 }, (_, at) => ({
    x: Array.from({ length: width }, (__, from) => {
      return random.normal() + (from % classes === at % classes ? 0.35 : 0)
    }),
    label: at % classes,
    said: (at + Number(random.uniform() < wrong)) % classes,
  }))
  const sums = sumsOf(drawn.slice(0, n), classes)
  return (ridge?: number) => {
    const shape = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0 }
    const { weight } = ranpac
      .open({ ...shape, ...(ridge !== undefined && { ridge }) })
      .closedForm!.solve(sums)
    const answer = (x: readonly number[]) => {
      const scores = Array.from({ length: classes }, (_, label) =>
        x.reduce((sum, value, at) => sum + value * weight[label * width + at]!, 0),
      )
      return scores.indexOf(Math.max(...scores))
    }
    return drawn.slice(n).filter(({ x, label }) => answer(x) === label).length / 500
  }
}

function sumsOf(rows: readonly { x: number[]; said: number }[], classes: number) {
  const counts = new Float64Array(classes)
  const sums = new Float64Array(classes * width)
  const moments = new Float64Array((width * (width + 1)) / 2)
  for (const { x, said } of rows) {
    counts[said]! += 1
    for (let row = 0, at = 0; row < width; row += 1) {
      sums[said * width + row]! += x[row]!
      for (let column = 0; column <= row; column += 1, at += 1) moments[at]! += x[row]! * x[column]!
    }
  }
  return { width, counts, sums, moments }
}
