/**
 * How much of a text repeats what it has said: the share of its runs of three words that occurred before in it. 0 in most texts of
 * people, near 1 where a model goes round in circles.
 */
const RUN = 3
/** Words that are looked at. */
const MOST_WORDS = 2000

export function repetitionOf(text: string): number {
  const words = text.toLowerCase().split(/\s+/u, MOST_WORDS).filter(Boolean)
  const runs = Math.max(0, words.length - RUN + 1)
  if (runs === 0) return 0
  const different = new Set<string>()
  for (let at = 0; at < runs; at += 1) different.add(words.slice(at, at + RUN).join(' '))
  return 1 - different.size / runs
}
