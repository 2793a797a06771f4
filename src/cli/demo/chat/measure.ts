/** How well the answers to held-out questions satisfy the rule, asked through the predict endpoint. */
import type { ChatModel } from './config.ts'
import type { ChatAnswer, ChatDaemon } from './daemon.ts'
import { heldOutQuestions } from './data.ts'
import { judge, type Verdict } from './judge.ts'

/** Shares of the questions. */
export type RuleShares = Readonly<Record<keyof Verdict, number>>

/** Questions at a time: the daemon writes them side by side, and each step reads the weights once for all of them. */
const AT_ONCE = 16

export interface RuleMeasured {
  readonly rule: RuleShares
  /** In the order of the questions. */
  readonly answers: readonly string[]
}

export async function measureRule(
  daemon: Pick<ChatDaemon, 'ask'>,
  model: ChatModel,
): Promise<RuleMeasured> {
  const questions = heldOutQuestions.map(({ question }) => question)
  const answers = (await askAll(questions, async (question) => daemon.ask(model, question))).map(
    ({ text }) => text,
  )
  const verdicts = answers.map((answer, at) => judge(questions[at] ?? '', answer))
  const share = (part: keyof Verdict) =>
    verdicts.filter((verdict) => verdict[part]).length / verdicts.length
  const parts = ['opens', 'names', 'short', 'ends', 'satisfied'] as const
  const shares = Object.fromEntries(parts.map((part) => [part, share(part)]))
  return { rule: shares as RuleShares, answers }
}

/** In the order of the questions. */
export async function askAll(
  questions: readonly string[],
  ask: (question: string, at: number) => Promise<ChatAnswer>,
  onAnswer: (count: number) => void = () => undefined,
): Promise<readonly ChatAnswer[]> {
  const answers: ChatAnswer[] = []
  for (let from = 0; from < questions.length; from += AT_ONCE) {
    const group = questions.slice(from, from + AT_ONCE)
    answers.push(...(await Promise.all(group.map(async (text, at) => ask(text, from + at)))))
    onAnswer(answers.length)
  }
  return answers
}
