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
import { type ChatLanguage, readText, streamSafe } from '../text-base.ts'
import type { TextTokenizer } from '../tokenizer.ts'
import { chatTemplate, type ChatTemplate, type NamedTokens } from './chat-template.ts'

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
    vocabulary,
    ends: all,
    template: digestOf({ source: source ?? null, named, end: all[0] ?? null }),
    prompt: (input) =>
      isOf(input, messages)
        ? chat(visible(input.messages), true)
        : Int32Array.from([...tokenizer.before, ...tokenizer.words(readText(input))]),
    rawPrompt: (text) => {
      const marks = controlMarks(Array.from(ids.keys()), [text])
      const parts = marks.split(streamSafe(wellFormed(text)))
      return Int32Array.from([...tokenizer.before, ...tokensOf(parts, { controls, tokenizer })])
    },
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

/**
 * The control tokens of a tokenizer: taken out of its definition, so that no text of a user's is read as one, and listed.
 */
type Definition = Readonly<Record<string, Json>>

/** Only tokens that no text may become are `special`. */
export function withoutControls(definition: Definition): Definition {
  const added: Json | undefined = definition.added_tokens
  const isControl = (token: Json) =>
    typeof token === 'object' && token !== null && (token as Definition).special === true
  if (!isList(added)) return definition
  return { ...definition, added_tokens: added.filter((token) => !isControl(token)) }
}

/** A token that only a chat template writes. */
interface ControlToken {
  readonly id: number
  readonly content: string
  /** Whether it takes the white space at its left, or right. */
  readonly lstrip: boolean
  readonly rstrip: boolean
}

export function controlsOf({ added_tokens: added }: Definition): readonly ControlToken[] {
  if (!isList(added)) return []
  return added.flatMap((token) => {
    if (typeof token !== 'object' || token === null || isList(token)) return []
    const { id, content, special, lstrip, rstrip } = token as Definition
    if (special !== true || typeof content !== 'string' || typeof id !== 'number') return []
    return [{ id, content, lstrip: lstrip === true, rstrip: rstrip === true }]
  })
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/**
 * Keeps the text of users apart from the control tokens of a chat template. Before a conversation is rendered, a private
 * character goes in front of each place in a content where a control token begins, or could begin or end together with what
 * the template writes around it. In the rendering only unmarked control tokens count, and the marks are removed.
 */

/** A part of a rendering. */
type RenderedPart =
  | { readonly kind: 'control'; readonly token: string }
  | { readonly kind: 'text'; readonly text: string }

interface ControlMarks {
  /** A content as the template may read it. */
  mark(content: string): string
  split(rendering: string): readonly RenderedPart[]
}

/** Private-use characters of Unicode: the Basic Multilingual Plane's, then planes 15 and 16. */
const PRIVATE: readonly (readonly [from: number, to: number])[] = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
]

/** `texts`: everything that the rendering may hold, so that the mark is a character of none of them. */
export function controlMarks(controls: readonly string[], texts: readonly string[]): ControlMarks {
  const mark = unusedIn(texts.join(''))
  const longestFirst = [...controls]
    .filter((token) => token !== '')
    .sort((a, b) => b.length - a.length)
  const anyOf = longestFirst.map(escaped).join('|')
  if (anyOf === '') return { mark: (content) => content, split: (text) => [{ kind: 'text', text }] }
  const begins = new RegExp(`(?=${anyOf})`, 'gu')
  const unmarked = new RegExp(`(?<!${mark})(${anyOf})`, 'u')
  return {
    mark(content) {
      const places = new Set(Array.from(content.matchAll(begins), ({ index }) => index))
      for (const place of edges(content, controls)) places.add(place)
      return insertedAt(
        content,
        [...places].sort((a, b) => a - b),
        mark,
      )
    },
    split: (rendering) =>
      rendering.split(unmarked).flatMap((piece, at): readonly RenderedPart[] => {
        // The pieces at odd places were captured by the expression.
        if (at % 2 === 1) return [{ kind: 'control', token: piece }]
        const text = piece.replaceAll(mark, '')
        return text === '' ? [] : [{ kind: 'text', text }]
      }),
  }
}

function unusedIn(text: string): string {
  for (const [from, to] of PRIVATE)
    for (let code = from; code <= to; code += 1) {
      const character = String.fromCodePoint(code)
      if (!text.includes(character)) return character
    }
  throw failure('INPUT_TOO_LONG', 'the messages hold every private-use character of Unicode')
}

/** Where a content, without white space around it, may be the end, the middle or the beginning of a control token. */
function edges(content: string, controls: readonly string[]): readonly number[] {
  const from = content.length - content.trimStart().length
  const to = content.trimEnd().length
  if (from >= to) return []
  const inner = content.slice(from, to)
  const places: number[] = []
  for (const token of controls) {
    if (token.includes(inner)) places.push(from)
    for (let size = 1; size < Math.min(token.length, inner.length + 1); size += 1) {
      if (inner.startsWith(token.slice(-size))) places.push(from)
      if (inner.endsWith(token.slice(0, size))) places.push(to - size)
    }
  }
  return places
}

function insertedAt(content: string, places: readonly number[], mark: string): string {
  const bounds = [0, ...places, content.length]
  return bounds
    .slice(1)
    .map((to, at) => content.slice(bounds[at], to))
    .join(mark)
}

function escaped(token: string): string {
  return token.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
