/**
 * What a memory of answers holds of an example, and how it comes back. An example is stored as tokens, so its question is read out
 * of them: the last turn of the user, found by the tokens that the chat template writes around it.
 */
import { createHash } from 'node:crypto'
import type { LanguageModel } from '../../contracts/base.ts'
import { CodedError } from '../../contracts/core.ts'
import { isOf } from '../../contracts/payload.ts'
import type { TextRecall } from '../../contracts/text-task.ts'
import { messages } from '../../payloads/inputs/messages.ts'
import { text } from '../../payloads/inputs/text.ts'
import type { TextTarget } from './target.ts'

export const recall: TextRecall<TextTarget> = {
  lesson({ data, sequences }, target, language) {
    const [first] = sequences ?? []
    if (first === undefined || (target.kind !== 'completion' && target.kind !== 'correction'))
      return undefined
    const prompt = Int32Array.from(data.subarray(0, first.answerFrom))
    return { ...askedBy(prompt, language), answer: target.completion }
  },
  asked: (input, language) => askedBy(language.prompt(input), language),
  informed(input, lessons) {
    const before = lessons.map(({ question, answer }) => `${question}\n${answer}\n\n`).join('')
    if (isOf(input, text)) return { ...input, text: before + input.text }
    if (!isOf(input, messages)) return input
    const last = input.messages.findLastIndex(({ role }) => role === 'user')
    const informed = input.messages.map((message, at) =>
      at === last ? { ...message, content: before + message.content } : message,
    )
    return { ...input, messages: informed }
  },
}

function askedBy(prompt: Int32Array, language: LanguageModel) {
  const { from, end } = lastTurn(prompt, language)
  const question = language.text(prompt.subarray(from, end)).trim()
  const { before, closes } = turnOf(language)
  // A raw text asks what a conversation with this message alone asks.
  const isRaw = end - from === prompt.length
  const around = [isRaw ? before : prompt.subarray(0, from), isRaw ? closes : prompt.subarray(end)]
  const said = [question, ...around.map((ids) => language.text([...ids]))]
  const same = createHash('sha256').update(JSON.stringify(said.map(compared)))
  return { question, same: same.digest('hex').slice(0, 24) }
}

const QUOTED =
  /(?<![\p{L}\p{M}\p{N}])["'“„«‘‚‹「]([\p{L}\p{M}\p{N}]+)["'”“»’‘›」](?![\p{L}\p{M}\p{N}])/gu
/** Behind a number or a single letter `!` is a factorial. */
const ENDS = /(?:[\s.?。？]|(?<=[\p{L}\p{M}]{2}[\s.?!。？！]*)[!！])+$/u

/** Every symbol counts: only letter case, white space, quotation marks around a word and how the question ends do not. */
function compared(said: string): string {
  const bare = said.normalize('NFC').toLowerCase().replaceAll(QUOTED, '$1')
  return bare.replaceAll(/\s+/gu, ' ').replace(ENDS, '').trim()
}

/** The tokens [from, end) of the last message of the user; all of a raw text. */
function lastTurn(prompt: Int32Array, language: LanguageModel) {
  const { opens, closes } = turnOf(language)
  const end = prompt.length - closes.length
  if (closes.length === 0 || !isAt(prompt, closes, end)) return { from: 0, end: prompt.length }
  let from = end - opens.length
  while (from >= 0 && !isAt(prompt, opens, from)) from -= 1
  return { from: from < 0 ? 0 : from + opens.length, end }
}

interface TurnTokens {
  /** From the beginning of a conversation to its first message of the user. */
  readonly before: Int32Array
  /** From the last control token before a message of the user to the message. */
  readonly opens: Int32Array
  /** From the message to the answer. */
  readonly closes: Int32Array
}

const none = new Int32Array()
const noTurns: TurnTokens = { before: none, opens: none, closes: none }
const known = new WeakMap<LanguageModel, TurnTokens>()

/** What two conversations have in common, before and behind their only message. */
function turnOf(language: LanguageModel): TurnTokens {
  const found = known.get(language) ?? comparedTurns(language)
  known.set(language, found)
  return found
}

function comparedTurns(language: LanguageModel): TurnTokens {
  try {
    const [one, other] = ['a', '7'].map((content) =>
      language.prompt({ kind: 'messages', messages: [{ role: 'user', content }] }),
    )
    if (one === undefined || other === undefined) return noTurns
    let [before, behind] = [0, 0]
    while (one[before] === other[before]) before += 1
    while (one.at(-1 - behind) === other.at(-1 - behind)) behind += 1
    const isControl = (id: number) => language.text([id]) === ''
    const from = one.subarray(0, before).findLastIndex(isControl)
    return {
      before: one.slice(0, before),
      opens: one.slice(Math.max(0, from), before),
      closes: one.slice(one.length - behind),
    }
  } catch (error) {
    // A base that continues raw texts only.
    if (error instanceof CodedError) return noTurns
    throw error
  }
}

function isAt(ids: Int32Array, part: Int32Array, from: number): boolean {
  return from >= 0 && part.every((id, at) => ids[from + at] === id)
}
