import { expect, test } from 'vitest'
import { readDomains } from '../../src/cli/demo/data.ts'
import { openRandom } from '../../src/platform/random.ts'

const words = (text: string) => (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).join(' ')

test.each([1, 2, 3])('with seed %s nothing is tested that was taught in other letters', (seed) => {
  const stream = readDomains(openRandom(seed, 'demo'))
  const taught = stream.flatMap((rows) => rows.taught)
  const heldOut = stream.flatMap((rows) => rows.heldOut)
  const known = new Set(taught.map(({ text }) => words(text)))
  expect(heldOut.filter(({ text }) => known.has(words(text)))).toEqual([])
  expect(taught).toHaveLength(2400)
  expect(heldOut.length).toBeGreaterThan(580)
  expect(heldOut.length).toBeLessThan(600)
})
