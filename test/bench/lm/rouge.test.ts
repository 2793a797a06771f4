/** Expected numbers: `rouge-score` 0.1.2 (PyPI) without stemming. */
import { expect, test } from 'vitest'
import { rouge } from './rouge.mjs'

test.each([
  ['the same words', 'The cat sat.', 'the cat sat', 100, 100],
  ['nothing in common', 'a dog', 'the cat sat', 0, 0],
  ['an empty answer', '', 'the cat sat', 0, 0],
  ['another order', 'sat the cat', 'the cat sat', 100, 66.67],
  ['a word that is said too often', 'the the the cat', 'the cat sat', 57.14, 57.14],
  ['hyphens and numbers', 'a 20-point gain in F1', 'F1 gains 20 points', 40, 20],
])('ROUGE of %s', (_, answer, reference, rouge1, rougeL) => {
  const found = rouge(answer, reference)
  expect(found.rouge1).toBeCloseTo(rouge1, 2)
  expect(found.rougeL).toBeCloseTo(rougeL, 2)
})
