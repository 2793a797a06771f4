/** A Mondrian tree against River's and against Bayes, and a forest of them: what it remembers, its bounds and its state. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MondrianForest } from '../../src/learner/memory/mondrian-forest.ts'
import { MondrianTree } from '../../src/learner/memory/mondrian-tree.ts'
import { openRandom } from '../../src/platform/random.ts'

interface Reference {
  readonly rows: readonly { readonly x: readonly number[]; readonly column: number }[]
  /** `null`: without a bound. */
  readonly cells: readonly {
    readonly low: readonly (number | null)[]
    readonly high: readonly (number | null)[]
  }[]
}

const reference = JSON.parse(
  readFileSync(new URL('../reference/amf.json', import.meta.url), 'utf8'),
) as Reference

/** As amf.py writes it down. */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = Number((1664525n * BigInt(state) + 1013904223n) % 2n ** 32n)
    return (state + 0.5) / 2 ** 32
  }
}

test("its cells are those of River's Mondrian tree with the same random numbers", () => {
  const tree = new MondrianTree(3)
  const growth = { draw: lcg(1), scale: [1, 1, 1], leaves: 1000 }
  for (const { x, column } of reference.rows) {
    tree.grow(3)
    tree.learn(Float32Array.from(x), column, 1, growth)
  }
  const leaves = tree.leaves()
  expect(leaves).toHaveLength(reference.cells.length)
  for (const [at, cell] of reference.cells.entries()) {
    const { low, high } = leaves[at]!
    for (let feature = 0; feature < 3; feature += 1) {
      expect(low[feature]! / (cell.low[feature] ?? -Infinity)).toBeOneOf([
        NaN,
        expect.closeTo(1, 5),
      ])
      expect(high[feature]! / (cell.high[feature] ?? Infinity)).toBeOneOf([
        NaN,
        expect.closeTo(1, 5),
      ])
    }
  }
})

test('it weighs a node and its leaves by how probable each found the stream, as Bayes does', () => {
  const prior = 0.05
  const tree = new MondrianTree(1)
  const random = openRandom(1, 'bayes')
  const growth = { draw: () => 0.5, scale: [1], leaves: 3 }
  const share = (counts: readonly number[], column: number) =>
    (counts[column]! + prior) / (counts[0]! + counts[1]! + 2 * prior)
  const [root, low, high] = [
    [1, 1],
    [1, 0],
    [0, 1],
  ] as const
  tree.grow(2)
  tree.learn(Float32Array.of(0), 0, 1, growth)
  tree.learn(Float32Array.of(10), 1, 1, growth)
  const models = { node: [...root], leaves: [[...low], [...high]] }
  let [ofNode, ofLeaves] = [share([1, 0], 1), 1]
  for (let at = 0; at < 50; at += 1) {
    const side = random.below(2)
    const column = random.uniform() < 0.7 ? side : 1 - side
    const x = Float32Array.of(side === 0 ? 0 : 10)
    const leaf = models.leaves[side]!
    const expected =
      (ofNode * share(models.node, 1) + ofLeaves * share(leaf, 1)) / (ofNode + ofLeaves)
    const shares = new Float64Array(2)
    tree.addShares(x, shares)
    expect(shares[1]).toBeCloseTo(expected, 5)
    ofNode *= share(models.node, column)
    ofLeaves *= share(leaf, column)
    models.node[column]! += 1
    leaf[column]! += 1
    tree.learn(x, column, 1, growth)
  }
})

interface BoardRow {
  readonly x: Float32Array
  readonly column: number
}

/** Fields of a board, each with one of five labels. `stretch`: of the first feature. */
function board(seed: number, rows: number, { side = 5, stretch = 1 } = {}): readonly BoardRow[] {
  const random = openRandom(seed, 'board')
  return Array.from({ length: rows }, () => {
    const [column, row] = [random.below(side), random.below(side)]
    const x = [stretch * (column + random.uniform()), row + random.uniform()]
    return { x: Float32Array.from(x), column: (column + 3 * row) % 5 }
  })
}

const all = [0, 1, 2, 3, 4]

function errorsOf(forest: MondrianForest, rows: readonly BoardRow[]): number {
  return rows.filter(({ x, column }) => {
    const shares = forest.shares(x, all, 5) ?? []
    return shares.indexOf(Math.max(...shares)) !== column
  }).length
}

function learn(forest: MondrianForest, rows: readonly BoardRow[]): void {
  for (const { x, column } of rows) forest.learn(x, column, 1, 5)
}

test('it knows a region again after another was shown ten times as long', () => {
  const forest = new MondrianForest(2)
  const rows = board(1, 4000)
  const isLeft = ({ x }: BoardRow) => x[0]! < 2.5
  const left = rows.filter(isLeft)
  learn(forest, left.slice(0, 600))
  const before = errorsOf(forest, left.slice(600, 800))
  learn(
    forest,
    rows.filter((row) => !isLeft(row)),
  )
  learn(
    forest,
    board(2, 6000).filter((row) => !isLeft(row)),
  )
  expect(before).toBeLessThan(40)
  expect(errorsOf(forest, left.slice(600, 800))).toBeLessThanOrEqual(before + 5)
})

test('the unit of a feature, one far value and numbers that never change make little difference', () => {
  const rows = board(3, 1500)
  const stretched = board(3, 1500, { stretch: 1e6 })
  const [plain, other] = [new MondrianForest(2), new MondrianForest(3)]
  const wider = ({ x, column }: BoardRow) => ({ x: Float32Array.of(...x, 7), column })
  learn(plain, rows.slice(0, 1300))
  learn(other, stretched.slice(0, 100).map(wider))
  other.learn(Float32Array.of(1e15, -1e15, 7), 0, 1, 5)
  learn(other, stretched.slice(100, 1300).map(wider))
  const expected = errorsOf(plain, rows.slice(1300))
  expect(expected).toBeLessThan(30)
  expect(errorsOf(other, stretched.slice(1300).map(wider))).toBeLessThan(expected + 15)
})

test('where its answers reverse, it follows', () => {
  const forest = new MondrianForest(2)
  const rows = board(4, 3000)
  const reversed = board(5, 3000).map(({ x, column }) => ({ x, column: (column + 1) % 5 }))
  learn(forest, rows)
  expect(errorsOf(forest, reversed.slice(2500))).toBeGreaterThan(450)
  learn(forest, reversed.slice(0, 2500))
  learn(forest, reversed.slice(0, 2500))
  expect(errorsOf(forest, reversed.slice(2500))).toBeLessThan(250)
})

test('noise without end stays within its bounds, and growing labels keep what is known', () => {
  const forest = new MondrianForest(2)
  const random = openRandom(6, 'noise')
  for (let at = 0; at < 3000; at += 1)
    forest.learn(Float32Array.of(random.normal(), random.normal()), random.below(2), 1, 2)
  expect(forest.leafCount).toBeLessThanOrEqual(6 * 512)
  const numbers = () =>
    [...forest.snapshot().values()].reduce((sum, { data }) => sum + data.length, 0)
  expect(numbers()).toBeLessThan(140_000)
  const before = forest.shares(Float32Array.of(0, 0), [0, 1], 2)!
  forest.learn(Float32Array.of(50, 50), 99, 1, 100)
  const after = forest.shares(Float32Array.of(0, 0), [0, 1], 100)!
  expect(after[0]).toBeCloseTo(before[0]!, 1)
  expect(numbers()).toBeLessThan(140_000)
})

test('the leaves of a version add up to its answers, among the classes that may answer', () => {
  const forest = new MondrianForest(2)
  const rows = board(7, 800)
  learn(forest, rows.slice(0, 600))
  for (const answering of [all, [0, 2, 3]]) {
    const leaves = forest.leaves(answering, 5)
    for (const { x } of rows.slice(600)) {
      const holding = leaves.filter(({ low, high }) =>
        x.every((v, at) => v > low[at]! && v <= high[at]!),
      )
      expect(holding).toHaveLength(6)
      for (const [column, share] of forest.shares(x, answering, 5)!.entries())
        expect(holding.reduce((sum, { shares }) => sum + shares[column]!, 0)).toBeCloseTo(share, 9)
    }
  }
})

test('a snapshot does not change with what is learned later, and goes on to the same bytes twice', () => {
  const one = new MondrianForest(2)
  const rows = board(8, 900)
  expect(one.shares(rows[0]!.x, all, 5)).toBeUndefined()
  learn(one, rows.slice(0, 400))
  const state = one.snapshot()
  const copy = structuredClone(state)
  learn(one, rows.slice(400))
  expect(state).toEqual(copy)
  const other = new MondrianForest(2)
  for (const rounds of [1, 2]) {
    other.restore(state)
    learn(other, rows.slice(400, rounds === 1 ? 500 : 900))
  }
  expect(state).toEqual(copy)
  expect(other.snapshot()).toEqual(one.snapshot())
  other.restore(new Map())
  expect(other.shares(rows[0]!.x, all, 5)).toBeUndefined()
  learn(other, rows.slice(0, 400))
  expect(other.snapshot()).toEqual(copy)
})
