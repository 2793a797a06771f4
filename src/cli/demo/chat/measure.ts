/** How well the answers to held-out questions satisfy the rule, asked through the predict endpoint. */
import type { ChatAnswer, ChatDaemon, ChatModel } from './daemon.ts'
import { heldOutQuestions } from './data.ts'

/**
 * The house style as a rule, and its judge. Only measurements on held-out questions use it; nothing that teaches
 * imports it, and the thumbs of the demo come from other code.
 *
 * The rule: an answer opens with "Thanks for", names the matter in a word of the question, is one paragraph of at most
 * 45 words without a list, and ends with one sentence that begins "Next step:".
 */
interface Verdict {
  readonly opens: boolean
  /** Its first sentence shares a word with the question, a plural aside. */
  readonly names: boolean
  readonly short: boolean
  readonly ends: boolean
  /** All of them. */
  readonly satisfied: boolean
}

const MOST_WORDS = 45

export function judge(question: string, answer: string): Verdict {
  const text = answer.trim()
  const first = /^[^.!?]*[.!?]/.exec(text)?.[0] ?? ''
  const opens = first.startsWith('Thanks for ')
  const asked = contentWords(question)
  const names = [...contentWords(first)].some((word) => asked.has(word))
  const short = text.split(/\s+/).length <= MOST_WORDS && !/[\n*•]/.test(text)
  const ends = /[.!?] Next step: [^.!?:]+\.$/.test(text)
  return { opens, names, short, ends, satisfied: opens && names && short && ends }
}

/** Words that say nothing of the matter. */
const EMPTY = new Set(
  `about after again also been before cannot could does doing done ever from have here into just like make more most much
  need next only other over please same should since some someone still step such take telling than thanks that their them then
  there they thing this those very want what when where which while whom will with would writing your yours asking`.split(
    /\s+/,
  ),
)

function contentWords(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? []
  const kept = words.map((word) => word.replace(/s$/, '')).filter((word) => word.length >= 3)
  return new Set(kept.filter((word) => !EMPTY.has(word) && !SHORT.has(word)))
}

const SHORT = new Set(
  `the and for you our are how can did get got has had her his its let may not now off one out own per she too two use was way
  who why yet any all but give new see say thi wa doe alway`.split(/\s+/),
)

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
