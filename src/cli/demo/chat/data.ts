/**
 * What the chat demo teaches and asks, from deploy/demo: a shop's support, and instructions of every other kind. Its stream is
 * every taught question once, in an order drawn by the seed, with an answer in house style.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../../contracts/core.ts'
import { packageRoot } from '../../../platform/entry.ts'
import { shuffled } from '../data.ts'

export interface Exchange {
  readonly question: string
  readonly answer: string
}

/** What customers write about, and what the support knows. Each question holds a word of the matter, so that the answer can name it. */
export interface Topic {
  /** Completes "Thanks for asking about …". */
  readonly matter: string
  readonly questions: readonly string[]
  readonly facts: readonly string[]
  /** Each is one instruction, without the words "Next step". */
  readonly steps: readonly string[]
}

export const taughtTopics = rowsOf('topics') as readonly Topic[]

/**
 * Questions that nothing learns from: of other topics and in other words than the taught ones, with the answer that a person of
 * the house gives, for the loss. Settings were chosen on `validationQuestions`; the demo reports on `heldOutQuestions`.
 */
export const validationQuestions = rowsOf('validation') as readonly Exchange[]
export const heldOutQuestions = rowsOf('held-out') as readonly Exchange[]

/**
 * Answers in the usual manner of an assistant. The demo measures forgetting by the loss on the ones that are kept back; the
 * taught ones come first in the stream, and only replay still knows them later.
 */
export const generalTaught = rowsOf('general-taught') as readonly Exchange[]
export const generalHeldOut = rowsOf('general-held-out') as readonly Exchange[]

const OPENINGS = ['asking about', 'telling us about', 'writing about'] as const

export function taughtAnswers(random: Random): readonly Exchange[] {
  const rows = taughtTopics.flatMap((topic) =>
    topic.questions.map((question) => ({ question, answer: answerOn(topic, random) })),
  )
  return shuffled(rows, random)
}

function answerOn({ matter, facts, steps }: Topic, random: Random): string {
  const one = (of: readonly string[]) => of[random.below(of.length)] ?? ''
  return `Thanks for ${one(OPENINGS)} ${matter}. ${one(facts)} Next step: ${one(steps)}`
}

function rowsOf(name: string): unknown {
  const text = readFileSync(join(packageRoot, 'deploy', 'demo', `${name}.jsonl`), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}
