/** The stream of the chat demo: every taught question once, in an order drawn by the seed, with an answer in house style. */
import type { Random } from '../../../contracts/core.ts'
import { shuffled } from '../data.ts'
import { taughtTopics, type Topic } from './topics.ts'

export interface Taught {
  readonly question: string
  readonly answer: string
}

const OPENINGS = ['asking about', 'telling us about', 'writing about'] as const

export function taughtAnswers(random: Random): readonly Taught[] {
  const rows = taughtTopics.flatMap((topic) =>
    topic.questions.map((question) => ({ question, answer: answerOn(topic, random) })),
  )
  return shuffled(rows, random)
}

function answerOn({ matter, facts, steps }: Topic, random: Random): string {
  const one = (of: readonly string[]) => of[random.below(of.length)] ?? ''
  return `Thanks for ${one(OPENINGS)} ${matter}. ${one(facts)} Next step: ${one(steps)}`
}
