/** What a stranger's text may cost. */
import { expect, test } from 'vitest'
import { offsetsOf } from '../../src/bases/offsets.ts'

// A search from each mark to the end of all takes a minute here.
test('marks behind a letter, a hundred thousand of them, take time in proportion to their number', () => {
  const strip = (text: string) => text.normalize('NFKD').replaceAll(/\p{Mn}/gu, '')
  const text = `a${'\u0301'.repeat(100_000)} b`
  const pieces = [undefined, new TextEncoder().encode('z')]
  const offsets = offsetsOf(text, pieces, { normalise: strip, hidesWords: false })
  expect(text.slice(offsets[0], offsets[1])).toBe(text)
}, 15_000)
