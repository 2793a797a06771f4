import { expect, test } from 'vitest'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { paddedPositions } from '../../src/nn/rows.ts'
import { planRuns } from '../../src/serving/engine/engine.ts'

const tokens = (length: number): EncodedRow => ({ data: new Int32Array(length) })
const vector: EncodedRow = { data: new Float32Array(3) }
const row = (length: number, adapter = 'a') => ({ adapter, encoded: tokens(length) })
const plan = (rows: Parameters<typeof planRuns>[0]) => planRuns(rows, (adapter) => adapter[0]!)

test('a row is padded to the next multiple of four, whatever its company', () => {
  expect([0, 1, 4, 5, 8].map((length) => paddedPositions(tokens(length)))).toEqual([4, 4, 4, 8, 8])
  expect(paddedPositions(vector)).toBe(1)
})

test('rows of one padded length and one family share a run, and know their places', () => {
  const runs = plan([row(3, 'a1'), row(9), row(4, 'a2'), row(2, 'b1')])
  const places = runs.map(({ positions, rows }) => [positions, rows.map(({ place }) => place)])
  expect(places).toEqual([
    [4, [0, 2]],
    [12, [1]],
    [4, [3]],
  ])
})

test('no run has more than 256 positions, unless one row alone has', () => {
  expect(plan(Array.from({ length: 20 }, () => row(32))).map(({ rows }) => rows.length)).toEqual([
    8, 8, 4,
  ])
  expect(plan([row(500), row(500)]).map(({ rows }) => rows.length)).toEqual([1, 1])
})

test('no rows make no run', () => {
  expect(plan([])).toEqual([])
})
