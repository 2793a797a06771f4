/**
 * Fits a prompt into the positions of a language model: whole, without its oldest turns, or refused.
 *
 * System messages and the last message always stay, and the rest still begins with a message of the user. A raw text
 * loses its beginning, behind the ids that begin every text (BOS).
 */
import { messages as messagesInput } from '../payloads/inputs/messages.ts'
import { isOf } from '../contracts/payload.ts'
import type { LanguageModel } from '../contracts/base.ts'
import type { ChatMessage, Input } from '../contracts/event.ts'
import type { ContextOverflow } from '../contracts/text-task.ts'
import { failure } from '../platform/errors.ts'

export interface PromptRoom {
  /** Tokens of prompt and answer together. */
  readonly most: number
  /** Tokens to leave for the answer, if the prompt can be shortened. At least one is always left. */
  readonly answer: number
  readonly overflow: ContextOverflow
}

export interface FittedPrompt {
  readonly ids: Int32Array
  /** Tokens of the whole prompt that are not in `ids`. */
  readonly dropped: number
}

type PromptParts = Pick<LanguageModel, 'prompt' | 'before'>

/** Throws `INPUT_EMPTY`, and `INPUT_TOO_LONG` for a prompt that leaves no room for an answer. */
export function fittedPrompt(
  language: PromptParts,
  input: Input,
  { most, answer, overflow }: PromptRoom,
): FittedPrompt {
  const ids = language.prompt(input)
  if (ids.length === 0) throw failure('INPUT_EMPTY', 'the prompt has no tokens')
  if (overflow !== 'truncate') {
    if (ids.length < most) return { ids, dropped: 0 }
    const fix = 'shorten the conversation, raise max_tokens, or set overflow: truncate'
    throw tooLong(`the prompt has ${ids.length}`, most, fix)
  }
  const room = most - Math.max(1, Math.min(answer, Math.floor(most / 2)))
  if (ids.length <= room) return { ids, dropped: 0 }
  const kept = isOf(input, messagesInput)
    ? withoutOldest(language, input.messages, { room, most })
    : withoutBeginning(ids, language.before ?? [], room)
  return { ids: kept, dropped: ids.length - kept.length }
}

function withoutBeginning(ids: Int32Array, before: readonly number[], room: number): Int32Array {
  const kept = before.slice(0, room)
  return Int32Array.from([...kept, ...ids.subarray(ids.length - room + kept.length)])
}

/** Drops as few turns as possible: a binary search, because each length takes a rendering of the template. */
function withoutOldest(
  language: PromptParts,
  messages: readonly ChatMessage[],
  { room, most }: { readonly room: number; readonly most: number },
): Int32Array {
  const cuts = cutsOf(messages)
  const idsFrom = (cut: number) =>
    language.prompt({
      kind: 'messages',
      messages: messages.filter(({ role }, at) => at >= cut || role === 'system'),
    })
  let [low, high] = [0, cuts.length - 1]
  let best = idsFrom(cuts[high] ?? 0)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const ids = idsFrom(cuts[middle] ?? 0)
    if (ids.length > room) low = middle + 1
    else [high, best] = [middle, ids]
  }
  if (best.length < most) return best
  const fix = 'shorten the last message or the system message'
  throw tooLong(`without its earlier turns the prompt still has ${best.length}`, most, fix)
}

/** The places where a shorter conversation may begin: at a message of the user, or at the last message. */
function cutsOf(messages: readonly ChatMessage[]): readonly number[] {
  const last = messages.length - 1
  return [...messages.keys()].filter((at) => messages[at]?.role === 'user' || at === last)
}

function tooLong(what: string, most: number, fix: string): Error {
  const message = `${what} tokens of at most ${most}, which leaves none for an answer`
  return failure('INPUT_TOO_LONG', message, { fix })
}
