/**
 * A decoder as a language model: conversations and texts as token ids, and ids as text. The ids of a conversation are those of
 * `apply_chat_template` in transformers, except that control tokens inside contents are read as text.
 */
import { messages } from '../../payloads/inputs/messages.ts'
import { isOf } from '../../contracts/payload.ts'
import type { Json } from '../../contracts/core.ts'
import type { ChatMessage } from '../../contracts/event.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { failure } from '../../platform/errors.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { readText, streamSafe } from '../text.ts'
import type { ChatLanguage } from '../text-base.ts'
import type { TextTokenizer } from '../tokenizer.ts'
import { chatTemplate, type ChatTemplate, type NamedTokens } from './chat-template.ts'
import { controlMarks, type RenderedPart } from './control-marks.ts'
import type { ControlToken } from './tokenizer.ts'

export interface LanguageParts {
  readonly controls: readonly ControlToken[]
  readonly template: string | undefined
  readonly named: NamedTokens
  /** Why the template cannot be used. */
  readonly fault?: string | undefined
  /** Ids that end an answer, as the files say; the template may name another. */
  readonly ends: readonly number[]
}

/** Each of its beginnings and ends is looked for in each message. */
const LONGEST_CONTROL = 512

/** Throws BASE_INVALID for control tokens that are too long or outside the vocabulary. Undefined if nothing ends an answer. */
export function languageOf(
  { controls, template: source, named, fault, ends }: LanguageParts,
  { positions, vocabulary }: { readonly positions: number; readonly vocabulary: number },
  tokenizer: TextTokenizer,
): ChatLanguage | undefined {
  const template = chatTemplate({ source, tokens: named, fault })
  const ids = new Map(controls.map(({ content, id }) => [content, id]))
  const foreign = [...ids.values()].find((id) => !(id >= 0 && id < vocabulary))
  if (foreign !== undefined)
    throw failure(
      'BASE_INVALID',
      `tokenizer.json has the control token ${foreign}, outside the vocabulary of ${vocabulary}`,
    )
  if (controls.some(({ content }) => content.length > LONGEST_CONTROL))
    throw failure('BASE_INVALID', `a control token has more than ${LONGEST_CONTROL} characters`)
  const isControl = new Set(ids.values())
  const known = ends.filter((id) => id >= 0 && id < vocabulary)
  const all = endsOf(template, controls, known)
  if (all.length === 0) return undefined
  const chat = (messages: readonly ChatMessage[], isOpen: boolean) =>
    tokensOf(rendered(template, controls, messages, isOpen), { controls, tokenizer })
  return {
    positions,
    ends: all,
    template: digestOf({ source: source ?? null, named, end: all[0] ?? null }),
    prompt: (input) =>
      isOf(input, messages)
        ? chat(visible(input.messages), true)
        : Int32Array.from([...tokenizer.before, ...tokenizer.words(readText(input))]),
    before: tokenizer.before,
    conversation: (all) => chat(visible(all), false),
    tokens: (text) => Int32Array.from(tokenizer.words(streamSafe(wellFormed(text)), 'inside')),
    bytes: (id) => (isControl.has(id) ? new Uint8Array() : tokenizer.bytes(id)),
    text: (row) => tokenizer.text(Array.from(row).filter((id) => !isControl.has(id))),
  }
}

function visible(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  if (messages.some(({ content }) => isVisible(content))) return messages
  throw failure('INPUT_EMPTY', 'no message has a visible character')
}

function rendered(
  template: ChatTemplate,
  controls: readonly ControlToken[],
  messages: readonly ChatMessage[],
  isOpen: boolean,
): readonly RenderedPart[] {
  const texts = [template.source, ...messages.map(({ content }) => content)]
  const marks = controlMarks(
    controls.map(({ content }) => content),
    texts,
  )
  const marked = messages.map(({ role, content }) => ({
    role,
    content: marks.mark(streamSafe(wellFormed(content))),
  }))
  return marks.split(template.render(marked, isOpen))
}

/** As the Rust tokenizer does: control tokens first, with the white space that they take, then the text between them. */
function tokensOf(
  parts: readonly RenderedPart[],
  { controls, tokenizer }: { controls: readonly ControlToken[]; tokenizer: TextTokenizer },
): Int32Array {
  const tokens = new Map(controls.map((token) => [token.content, token]))
  const controlAt = (at: number) => {
    const part = parts[at]
    return part?.kind === 'control' ? tokens.get(part.token) : undefined
  }
  const ids = parts.flatMap((part, at): readonly number[] => {
    if (part.kind === 'control') return [tokens.get(part.token)?.id ?? 0]
    const left = controlAt(at - 1)?.rstrip === true ? part.text.trimStart() : part.text
    const text = controlAt(at + 1)?.lstrip === true ? left.trimEnd() : left
    return tokenizer.words(text, at === 0 ? 'first' : 'piece')
  })
  return Int32Array.from(ids)
}

/** The token that the template writes behind an answer comes first: it is the one to learn. */
function endsOf(
  template: ChatTemplate,
  controls: readonly ControlToken[],
  ends: readonly number[],
): readonly number[] {
  const written = writtenEnd(template, controls)
  return [...new Set([...(written === undefined ? [] : [written]), ...ends])]
}

/** Undefined if the template has none, or takes no such conversation. */
function writtenEnd(template: ChatTemplate, controls: readonly ControlToken[]): number | undefined {
  if (template.source === '') return undefined
  const [question, answer] = ['question', 'answer']
  try {
    const parts = rendered(
      template,
      controls,
      [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ],
      false,
    )
    const at = parts.findLastIndex((part) => part.kind === 'text' && part.text.includes(answer))
    const next = parts[at + 1]
    return controls.find(({ content }) => next?.kind === 'control' && content === next.token)?.id
  } catch {
    return undefined
  }
}

/** The ids that fields such as `eos_token_id` hold: a number, or a list. */
export function idsIn(value: Json | undefined): readonly number[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((id): id is number => Number.isSafeInteger(id))
}
