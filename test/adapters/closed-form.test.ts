import { describe, expect, it } from 'vitest'
import { solve, startOf } from '../../src/adapters/closed-form/cholesky.ts'
import { anacp } from '../../src/adapters/closed-form/anacp.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { chosenRidge } from '../../src/adapters/closed-form/ridge.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import type { AdapterConfig, ClassSums, MethodPlugin } from '../../src/contracts/adapter.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { ClassMoments } from '../../src/optim/heads/class-moments.ts'
import { openRandom } from '../../src/platform/random.ts'
import { nameOf } from './name-of.ts'

const config = (method: MethodPlugin): AdapterConfig => ({
  method: nameOf(method),
  rank: 0,
  alpha: 1,
  tail_layers: 0,
})

describe('the solver', () => {
  it.each([1, 3, 4, 5, 8, 37, 71])('solves A·X = B of %i unknowns', (size) => {
    const random = openRandom(size, 'solver')
    const draw = (length: number) => Float64Array.from({ length }, () => random.normal())
    const factor = draw(size * size)
    const a = (row: number, column: number) => {
      let sum = row === column ? 0.1 : 0
      for (let k = 0; k < size; k += 1) sum += factor[row * size + k]! * factor[column * size + k]!
      return sum
    }
    const triangle = new Float64Array(startOf(size))
    for (let row = 0; row < size; row += 1)
      for (let column = 0; column <= row; column += 1)
        triangle[startOf(row) + column] = a(row, column)
    const count = size % 2 === 0 ? 2 : 35
    const wanted = draw(count * size)
    const rows = wanted.slice()
    solve(triangle, size, rows)
    for (let at = 0; at < count; at += 1)
      for (let row = 0; row < size; row += 1) {
        let sum = 0
        for (let k = 0; k < size; k += 1) sum += a(row, k) * rows[at * size + k]!
        expect(sum).toBeCloseTo(wanted[at * size + row]!, 8)
      }
  })

  it('stays finite where a direction is missing', () => {
    const rows = Float64Array.of(1, 1)
    solve(Float64Array.of(1, 1, 1), 2, rows)
    for (const value of rows) expect(value).toSatisfy(Number.isFinite)
  })
})

describe('ncm', () => {
  it('answers the label with the nearest mean', () => {
    const sums = sumsOf([
      [[0, 0], 0],
      [[2, 0], 0],
      [[4, 1], 1],
      [[4, 3], 1],
    ])
    const { weight, bias } = ncm.open().closedForm!.solve(sums)
    expect([...weight]).toEqual([1, 0, 4, 2])
    expect([...bias]).toEqual([-0.5, -10])
  })
})

describe('slda', () => {
  it('is the discriminant of Gaussians with one covariance', () => {
    // Within the classes x varies with variance 4 and y with variance 1, so that y tells more.
    const sums = sumsOf([
      [[-2, -1], 0],
      [[2, -1], 0],
      [[-2, 1], 0],
      [[2, 1], 0],
      [[-1, 0], 1],
      [[3, 0], 1],
      [[-1, 2], 1],
      [[3, 2], 1],
    ])
    const { weight, bias } = slda.open({ ...config(slda), shrinkage: 0.5 }).closedForm!.solve(sums)
    // (Σ + I)/2 = diag(2.5, 1), the means (0, 0) and (1, 1).
    for (const [at, value] of [0, 0, 1 / 2.5, 1].entries()) expect(weight[at]).toBeCloseTo(value, 6)
    expect(bias[1]).toBeCloseTo(-0.5 * (1 / 2.5 + 1), 6)
  })

  it('stays finite with one example', () => {
    const { weight } = slda.open(config(slda)).closedForm!.solve(sumsOf([[[1, 0], 0]]))
    for (const value of weight) expect(value).toSatisfy(Number.isFinite)
  })
})

describe('slda, on sums in single precision', () => {
  const random = openRandom(1, 'columns')
  const draw = (label: number, more: (x: readonly number[]) => readonly number[]) => {
    const x = [0, 1, 2].map((at) => 3 * Number(at === label) + random.normal())
    return Float32Array.from([...x, ...more(x)])
  }

  it.each([
    ['that never vary', () => [0.3, 0.7, 1.1, 5.3, 17.7, 1.7e9]],
    [
      'far from zero that say the same',
      ([x = 0]: readonly number[]) => [1.7e9 + 1e4 * x, 1.7e9 + 1e4 * x],
    ],
  ])('tells labels apart by the other columns, beside some %s', (_, more) => {
    const moments = new ClassMoments(draw(0, more).length, 3, slda.open(config(slda)).closedForm!)
    for (let at = 0; at < 1000; at += 1) moments.add(draw(at % 3, more), new Map([[at % 3, 1]]))
    const { weight, bias } = slda.open(config(slda)).closedForm!.solve(moments.of([0, 1, 2]))
    let right = 0
    for (let at = 0; at < 300; at += 1) {
      const x = draw(at % 3, more)
      const logits = [...bias].map((own, label) =>
        x.reduce((sum, value, row) => sum + weight[label * x.length + row]! * value, own),
      )
      if (logits.indexOf(Math.max(...logits)) === at % 3) right += 1
    }
    expect(right).toBeGreaterThan(260)
  })
})

describe('ranpac', () => {
  const base = openFeatures({ size: 2, standardise: false })
  const asked = { ...config(ranpac), features: 64, ridge: 1e-6 }

  it('is ridge regression on one-hot codes', () => {
    const examples: [number[], number][] = [
      [[1, 0], 0],
      [[0, 2], 1],
      [[0, 1], 1],
    ]
    const ridge = 1.5
    const { weight } = ranpac.open({ ...asked, ridge }).closedForm!.solve(sumsOf(examples))
    // G = diag(1, 5), its mean diagonal a row 1, so that λ = 1.5; S = (1, 0) and (0, 3).
    for (const [at, value] of [1 / 2.5, 0, 0, 3 / 6.5].entries())
      expect(weight[at]).toBeCloseTo(value, 6)
  })

  it('divides the weight of a label by a power of its examples, from one on, where it is asked to', () => {
    const examples: [number[], number][] = [
      [[1, 0], 0],
      ...Array.from({ length: 9 }, (): [number[], number] => [[0, 1], 1]),
    ]
    const sums = sumsOf(examples)
    const solve = (balance: number) =>
      ranpac.open({ ...asked, balance }).closedForm!.solve(sums).weight
    const [plain, half] = [solve(0), solve(0.5)]
    expect(half[0]! / plain[0]!).toBeCloseTo(Math.sqrt(5), 6)
    expect(half[3]! / plain[3]!).toBeCloseTo(Math.sqrt(5 / 9), 6)
    sums.counts[0] = 0.01
    expect(solve(1)[0]! / solve(0)[0]!).toBeCloseTo(9.01 / 2, 5)
  })

  it('views a base behind one projection for everybody, in as many dimensions as asked', () => {
    const seen = viewOf(base, ranpac, asked)
    expect(seen.network.width).toBe(64)
    expect(seen.hash).toBe(base.hash)
    expect(viewOf(base, ranpac, asked)).toBe(seen)
    expect(viewOf(seen, ranpac, asked)).toBe(seen)
    expect(viewOf(base, ranpac, { ...asked, features: 32 }).network.width).toBe(32)
    const drawn = (of: ReturnType<typeof openFeatures>) =>
      viewOf(of, ranpac, asked).weights.get('ranpac.projection')!.data
    expect(drawn(openFeatures({ size: 2, standardise: false }))).toEqual(drawn(base))
    const mean = drawn(base).reduce((sum, value) => sum + value * value, 0) / 128
    expect(mean).toBeGreaterThan(0.7)
    expect(mean).toBeLessThan(1.4)
  })
})

describe('anacp', () => {
  const random = openRandom(3, 'anacp')
  const asked = { ...config(anacp), ridge: 1e-3 }
  /** Around the corner of a simplex that is the label's own. */
  const near = (label: number, noise: number): [number[], number] => [
    [0, 1, 2, 3].map((at) => Number(at === label) + noise * random.normal()),
    label,
  ]
  const answer = (head: { weight: Float64Array; bias: Float64Array }, x: readonly number[]) => {
    const logits = [...head.bias].map((own, label) =>
      x.reduce((sum, value, at) => sum + value * head.weight[label * x.length + at]!, own),
    )
    return logits.indexOf(Math.max(...logits))
  }

  it('answers a label with two examples beside some with a hundred, and ridge regression does not', () => {
    const many = Array.from({ length: 300 }, (_, at) => near(at % 3, 0.2))
    const sums = sumsOf([...many, near(3, 0.2), near(3, 0.2)])
    const tested = Array.from({ length: 200 }, () => near(3, 0.2))
    const rightBy = (method: MethodPlugin, more: object) => {
      const head = method.open({ ...config(method), ...more }).closedForm!.solve(sums)
      return tested.filter(([x, label]) => answer(head, x) === label).length
    }
    expect(rightBy(anacp, asked)).toBeGreaterThan(140)
    expect(rightBy(ranpac, { ridge: 1e-3 })).toBeLessThan(100)
  })

  it('puts the border of two labels in the middle of their projected means', () => {
    const sums = sumsOf([
      [[1, 0.2], 0],
      [[1, 0], 0],
      [[1, -0.2], 0],
      [[0.2, 1], 1],
    ])
    const { weight, bias } = anacp.open(asked).closedForm!.solve(sums)
    const logit = (label: number, x: readonly number[]) =>
      bias[label]! + weight[2 * label]! * x[0]! + weight[2 * label + 1]! * x[1]!
    for (const label of [0, 1]) expect(logit(label, [0.6, 0.5])).toBeCloseTo(0, 6)
    expect(logit(1, [0.2, 1])).toBeCloseTo(-logit(1, [1, 0]), 6)
  })

  it.each([
    ['one label', sumsOf([[[1, 0], 0]])],
    [
      'two labels that say the same',
      sumsOf([
        [[1, 0], 0],
        [[1, 0], 1],
      ]),
    ],
  ])('stays finite with %s', (_, sums) => {
    const { weight, bias } = anacp.open(config(anacp)).closedForm!.solve(sums)
    for (const value of [...weight, ...bias]) expect(value).toSatisfy(Number.isFinite)
  })
})

describe('the strength of a ridge', () => {
  const random = openRandom(4, 'ridge')
  const width = 12
  const examples = (count: number, noise: number) =>
    Array.from({ length: count }, (_, at): [number[], number] => {
      const x = Array.from({ length: width }, (__, from) => {
        return noise * random.normal() + Number(from === at % 3)
      })
      return [x, at % 3]
    })

  it('is the least that is nearly as good as the best by generalised cross-validation', () => {
    const drawn = examples(60, 0.8)
    const sums = sumsOf(drawn)
    const mean =
      drawn.reduce((sum, [x]) => sum + x.reduce((all, v) => all + v * v, 0), 0) / (60 * width)
    const strengths = Array.from({ length: 17 }, (_, at) => 10 ** (at / 4))
    const errors = strengths.map((strength) => gcvOf(drawn, strength * mean))
    const wanted = errors.findIndex((error) => error <= 1.005 * Math.min(...errors))
    expect(chosenRidge(sums)).toBeCloseTo(strengths[wanted]!, 9)
    expect(strengths[wanted]).toBeGreaterThan(1)
  })

  it('is weak for many examples that are easy to tell apart, and strong for few that are not', () => {
    expect(chosenRidge(sumsOf(examples(900, 0.1)))).toBe(1)
    expect(chosenRidge(sumsOf(examples(15, 3)))).toBeGreaterThan(10)
  })

  /** By one unknown after another, from its definition. */
  function gcvOf(drawn: readonly (readonly [readonly number[], number])[], lambda: number) {
    const sums = sumsOf(drawn)
    const withUnits = (rows: readonly number[]) => {
      const triangle = Float64Array.from(sums.moments)
      for (let row = 0; row < width; row += 1) triangle[startOf(row) + row]! += lambda
      const solved = Float64Array.from(rows)
      solve(triangle, width, solved)
      return solved
    }
    const weight = withUnits([...sums.sums])
    let [residual, freedom] = [0, drawn.length]
    for (const [x, label] of drawn) {
      for (let at = 0; at < 3; at += 1) {
        const own = x.reduce((sum, value, from) => sum + value * weight[at * width + from]!, 0)
        residual += (Number(at === label) - own) ** 2
      }
      freedom -= withUnits([...x]).reduce((sum, value, at) => sum + value * x[at]!, 0)
    }
    return residual / freedom ** 2
  }
})

function sumsOf(examples: readonly (readonly [readonly number[], number])[]): ClassSums {
  const width = examples[0]![0].length
  const labels = 1 + Math.max(...examples.map(([, label]) => label))
  const counts = new Float64Array(labels)
  const sums = new Float64Array(labels * width)
  const moments = new Float64Array(startOf(width))
  for (const [x, label] of examples) {
    counts[label]! += 1
    for (const [at, value] of x.entries()) sums[label * width + at]! += value
    for (const [row, value] of x.entries())
      for (let column = 0; column <= row; column += 1)
        moments[startOf(row) + column]! += value * x[column]!
  }
  return { width, counts, sums, moments }
}
