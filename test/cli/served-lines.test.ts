import { expect, test } from 'vitest'
import { servedLines } from '../../src/cli/remote/show-quality.ts'

test('a version that served nothing that was judged has no lines', () => {
  expect(servedLines(undefined)).toEqual([])
})

test('the parts of served answers are a table, and below it what was said in place of what', () => {
  const lines = servedLines({
    count: 4,
    error: 0.25,
    parts: {
      strata: [{ name: 'yes', count: 4, error: 0.25 }],
      slices: Array.from({ length: 30 }, (_, at) => ({ name: `s-${at}`, count: 1, error: 0 })),
      sources: [{ name: 'desk', count: 4, error: 0.25 }],
      confusion: [
        { said: 'yes', right: 'yes', count: 3 },
        { said: 'no', right: 'yes', count: 1 },
      ],
    },
  })
  expect(lines[0]).toContain('4 judged, error 0.25')
  const rows = lines.map((line) => line.trim().split(/\s+/).join(' '))
  expect(rows).toContain('stratum yes 4 0.25')
  expect(rows).toContain('slice s-9 1 0')
  expect(rows.some((row) => row.startsWith('slice s-10'))).toBe(false)
  expect(rows).toContain('source desk 4 0.25')
  expect(rows).toContain('no yes 1')
  expect(rows).not.toContain('yes yes 3')
})
