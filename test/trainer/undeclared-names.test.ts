import type { FeaturesInput } from '../../src/payloads/inputs/features.ts'
import { expect, test } from 'vitest'
import { undeclaredNames } from '../../src/trainer/admission/watched-base.ts'

type Features = FeaturesInput['features']

function warningsOf(rows: readonly Features[]): object[] {
  const warnings: object[] = []
  const look = undeclaredNames(['height', 'weight'], { warn: (details) => warnings.push(details) })
  for (const features of rows) look({ kind: 'features', features })
  return warnings
}

test('a number that is not declared, and a category that looks like a declared name, are named once', () => {
  const row = { height: 1, wieght: 70, age: 3, town: 'Oslo', heigth: 'tall' }
  expect(warningsOf([row, row])).toEqual([
    { feature: 'wieght', near: 'weight' },
    { feature: 'age' },
    { feature: 'heigth', near: 'height' },
  ])
})

test('lists, declared names and categories of other names are no matter', () => {
  expect(warningsOf([[1, 2], { height: 1, weight: 2, town: 'Oslo' }])).toEqual([])
})

test('a stream of made-up names is warned of a thousand times at most', () => {
  const rows = Array.from({ length: 1500 }, (_, at) => ({ [`made-up-${at}`]: at }))
  expect(warningsOf(rows)).toHaveLength(1000)
})
