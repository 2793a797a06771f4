/**
 * Made contracts: paragraphs of two sentences, most of them without a red flag, and one to three with one. What is labelled is the
 * whole contract. Sentences are those of the passages beside; contracts to ask have others than those to teach.
 */
import { shuffled } from '../baselines.mjs'
import { NEW_FLAG, passages } from '../legal-finance/rows.mjs'

export { NEW_FLAG }

const PARAGRAPHS = 12
const MOST_FLAGGED = 3

/** `count` contracts of sentences of `kind`; with `first`, each has a paragraph with this flag. */
export function contracts(random, kind, count, first) {
  return Array.from({ length: count }, () => contract(random, kind, PARAGRAPHS, first))
}

/** With its flags, and the paragraphs that have one. */
export function contract(random, kind, length, first) {
  const flagged = flaggedOnes(random, kind, first)
  const plain = plainOnes(random, kind, length - flagged.length)
  const paragraphs = shuffled([...flagged, ...plain], random)
  return {
    text: paragraphs.map(({ text }) => text).join('\n\n'),
    flags: [...new Set(flagged.flatMap(({ flags }) => flags))].sort(),
    flagged,
  }
}

function flaggedOnes(random, kind, first) {
  const wanted = 1 + random.below(MOST_FLAGGED)
  const found = first === undefined ? [] : passages(random, kind, 1, first)
  while (found.length < wanted)
    found.push(...passages(random, kind, 1).filter(({ flags }) => flags.length > 0))
  return found
}

function plainOnes(random, kind, count) {
  const found = []
  while (found.length < count)
    found.push(...passages(random, kind, 1).filter(({ flags }) => flags.length === 0))
  return found
}
