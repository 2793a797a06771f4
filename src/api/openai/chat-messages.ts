/** The messages of a chat request: which of their fields are read, and what a model gets of them. */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { JsonObject } from '../../payloads/reading.ts'
import { unsupported } from './parameters.ts'
import { writtenCalls } from './tools.ts'

interface ChatMessage {
  readonly role: string
  readonly content?: string | readonly ContentPart[] | null
  readonly tool_calls?: readonly JsonObject[] | null
}

interface ContentPart {
  readonly type: string
  readonly text?: string
  readonly image_url?: { readonly url: string; readonly detail?: string | null }
}

/** What a model that writes no texts answers, with the field of the request that it stands in. */
export interface AskedContent {
  /** Of a file, its data URL. */
  readonly text: string
  readonly param: string
  readonly isFile?: boolean
}

const roles: readonly string[] = ['system', 'developer', 'user', 'assistant', 'tool', 'function']

/** A field that is not read is refused, unless it is empty, as clients send back the answers that they got. */
export function refuseMessageFields(messages: readonly object[], more: readonly string[]): void {
  for (const [at, message] of messages.entries()) {
    refuseFields(message, ['role', 'content', ...more], `messages.${at}`)
    const { content } = message as ChatMessage
    if (!Array.isArray(content)) continue
    for (const [index, part] of (content as readonly ContentPart[]).entries())
      refusePartFields(part, `messages.${at}.content.${index}`)
  }
}

function refusePartFields(part: ContentPart, place: string): void {
  if (part.type === 'text') refuseFields(part, ['type', 'text'], place)
  if (part.type !== 'image_url' || part.image_url === undefined) return
  refuseFields(part, ['type', 'image_url'], place)
  // Every picture is seen in one size.
  const { detail, ...picture } = part.image_url
  const isUsual = detail === undefined || detail === 'auto'
  refuseFields(isUsual ? picture : { detail, ...picture }, ['url'], `${place}.image_url`)
}

function refuseFields(object: object, known: readonly string[], place: string): void {
  for (const [name, value] of Object.entries(object as Readonly<Record<string, Json>>)) {
    const isEmpty = value === null || value === '' || (Array.isArray(value) && value.length === 0)
    if (!isEmpty && !known.includes(name)) throw unsupported(`${place}.${name}`, 'it is not read')
  }
}

/**
 * As an input has them: instructions of a developer are those of the system, a call is the text that was written, and what a
 * function gave back comes from the user. Throws `REQUEST_INVALID` for images and the like.
 */
export function plainMessages(messages: readonly ChatMessage[], instruction?: string): Json {
  const plain = messages.map(({ role, content, tool_calls: calls }, at) => {
    const text = textOf(content ?? '', at)
    const written = (calls ?? []).length === 0 ? text : writtenCalls(calls ?? [])
    return { role: ROLES[role] ?? role, content: written }
  })
  if (instruction === undefined) return plain
  const [first, ...rest] = plain
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n\n${instruction}` }, ...rest]
    : [{ role: 'system', content: instruction }, ...plain]
}

const ROLES: Readonly<Record<string, string>> = { developer: 'system', tool: 'user' }

/** A text, or one picture. Throws `REQUEST_INVALID` for an unknown role, for no message of a user, and for both together and the like. */
export function lastOfUser(messages: readonly ChatMessage[]): AskedContent {
  for (const [at, { role }] of messages.entries())
    if (!roles.includes(role))
      throw invalid(
        `messages.${at}.role`,
        `${JSON.stringify(role.slice(0, 40))}, not ${roles.join(', ')}`,
      )
  const at = messages.findLastIndex(({ role }) => role === 'user')
  if (at < 0) throw invalid('messages', 'without a message of the role user')
  const content = messages[at]?.content ?? ''
  const param = `messages.${at}.content`
  const [part, ...others] = typeof content === 'string' ? [] : content
  if (part?.image_url === undefined || part.type !== 'image_url')
    return { text: textOf(content, at), param }
  if (others.length > 0) throw invalid(`${param}.1`, 'too many: a picture is asked about alone')
  return { text: part.image_url.url, param: `${param}.0.image_url.url`, isFile: true }
}

function textOf(content: NonNullable<ChatMessage['content']>, at: number): string {
  if (typeof content === 'string') return content
  const texts = content.map(({ type, text }, part) => {
    if (type === 'text' && text !== undefined) return text
    throw invalid(`messages.${at}.content.${part}.type`, `${type}; only text can be read`)
  })
  return texts.join('\n')
}

function invalid(param: string, what: string): Error {
  return failure('REQUEST_INVALID', `${param} is ${what}`, { details: { param } })
}
