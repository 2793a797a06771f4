/**
 * The thumbs of the demo, as a reader who knows the house style gives them at a glance. They follow the rule of
 * `judge.ts` by code of their own, so that the final measurement is independent of the teaching.
 */
export function thumb(question: string, answer: string): 1 | -1 {
  const sentences = answer.trim().split(/(?<=[.!?])\s+/)
  const isOneParagraph = !answer.trim().includes('\n')
  const greets = answer.startsWith('Thanks for')
  const leads = sentences.at(-1)?.startsWith('Next step:') === true && answer.trim().endsWith('.')
  const isBrief = sentences.length >= 3 && sentences.length <= 4
  const isLiked = isOneParagraph && greets && leads && isBrief && isOnMatter(question, sentences[0])
  return isLiked ? 1 : -1
}

/** A word of the greeting begins as a word of the question does. */
function isOnMatter(question: string, greeting = ''): boolean {
  const stems = (text: string) =>
    text
      .toLowerCase()
      .split(/\P{L}+/u)
      .filter((word) => word.length > 2 && !GREETING.has(word))
      .map((word) => word.slice(0, 4))
  const asked = new Set(stems(question))
  return stems(greeting).some((stem) => asked.has(stem))
}

const GREETING = new Set(
  'thanks for asking telling writing about your that the our and you with'.split(' '),
)
