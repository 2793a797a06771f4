import { expect, test } from 'vitest'
import { TextPieces } from '../../src/serving/services/generation/written-text.ts'
import { fc, runs } from '../properties.ts'

/** A token is a byte. */
const bytes = {
  text: (ids: Int32Array | readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)),
}

/** A word, with a space before it unless it is the first. */
const words = {
  text: (ids: Int32Array | readonly number[]) => [...ids].map((id) => `w${id}`).join(' '),
}

function pieces(text: string, stops: readonly string[] = []) {
  const reader = new TextPieces(bytes, stops)
  const given: string[] = []
  for (const byte of new TextEncoder().encode(text)) {
    if (reader.isStopped) break
    given.push(reader.push(byte))
  }
  given.push(reader.end())
  return { given: given.filter((piece) => piece !== ''), isStopped: reader.isStopped }
}

test('a character is given whole, and what stays incomplete comes at the end', () => {
  expect(pieces('aé日😀').given).toEqual(['a', 'é', '日', '😀'])
  const reader = new TextPieces(bytes, [])
  expect([reader.push(0x61), reader.push(0xf0), reader.push(0x9f), reader.end()]).toEqual([
    'a',
    '',
    '',
    '\uFFFD',
  ])
})

test('bytes of no text are given as they come, and each token decodes few of those before it', () => {
  let longest = 0
  const language = {
    text: (ids: Int32Array | readonly number[]) => {
      longest = Math.max(longest, ids.length)
      return bytes.text(ids)
    },
  }
  const reader = new TextPieces(language, [])
  const starts = Array.from({ length: 1000 }, () => reader.push(0xf0))
  expect(starts.filter((piece) => piece !== '').length).toBeGreaterThan(50)
  const after = [...new TextEncoder().encode('😀 ok')].map((byte) => reader.push(byte))
  const text = [...starts, ...after, reader.end()].join('')
  expect(text).not.toMatch(/\p{Surrogate}/u)
  expect(text.endsWith('😀 ok')).toBe(true)
  expect(longest).toBeLessThan(50)
})

test('a token that reads otherwise at the beginning of a text reads as it does within', () => {
  const reader = new TextPieces(words, [])
  expect([1, 2, 3].map((id) => reader.push(id))).toEqual(['w1', ' w2', ' w3'])
})

test('a stop text ends the answer, over the borders of tokens, and is not in it', () => {
  expect(pieces('one\n\ntwo', ['\n\n'])).toEqual({ given: ['o', 'n', 'e'], isStopped: true })
  expect(pieces('a\nb', ['\n\n']).given).toEqual(['a', '\nb'])
  expect(pieces('aab', ['ab'])).toEqual({ given: ['a'], isStopped: true })
  expect(pieces('ab', ['abc', 'b'])).toEqual({ given: ['a'], isStopped: true })
  expect(pieces('ends with a', ['ab']).given.join('')).toBe('ends with a')
})

test('the pieces are the text up to the first stop text', () => {
  const part = fc.constantFrom('a', 'b', 'é', '😀', '\n')
  const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(''))
  const stop = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.array(stop, { maxLength: 3 }), (whole, stops) => {
      const { given, isStopped } = pieces(whole, stops)
      // The first that is complete ends the answer.
      const ends = stops.flatMap((each) => {
        const at = whole.indexOf(each)
        return at < 0 ? [] : [{ at, end: at + each.length }]
      })
      const first = Math.min(...ends.map(({ end }) => end))
      const cut = Math.min(...ends.filter(({ end }) => end === first).map(({ at }) => at))
      expect(given.join('')).toBe(ends.length === 0 ? whole : whole.slice(0, cut))
      expect(isStopped).toBe(ends.length > 0)
    }),
    { numRuns: runs(200) },
  )
})
