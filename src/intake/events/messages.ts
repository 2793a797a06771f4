/** The messages of a conversation. All contents together are as long as a text may be; a single one may be empty. */
import type { Json } from '../../contracts/core.ts'
import type { ChatMessage, ChatRole } from '../../contracts/event.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { given, isLonger, isObject } from './fields.ts'
import { below, refuse } from './refuse.ts'

export const ROLES = ['system', 'user', 'assistant'] as const satisfies readonly ChatRole[]

export function readMessages(
  value: Json,
  limits: Pick<Limits, 'text_characters' | 'messages'>,
  pointer: string,
): readonly ChatMessage[] {
  const list: readonly Json[] | undefined = Array.isArray(value) ? value : undefined
  if (list === undefined) throw refuse('MESSAGES_INVALID', pointer, 'a list of messages')
  if (list.length > limits.messages)
    throw refuse('INPUT_TOO_LONG', pointer, `${list.length} messages, at most ${limits.messages}`)
  const messages = list.map((message, at) => readMessage(message, below(pointer, at)))
  const all = messages.map(({ content }) => content).join('')
  if (isLonger(all, limits.text_characters))
    throw refuse('INPUT_TOO_LONG', pointer, `more than ${limits.text_characters} characters`)
  if (!isVisible(all)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
  return messages
}

function readMessage(value: Json, pointer: string): ChatMessage {
  if (!isObject(value)) throw refuse('MESSAGES_INVALID', pointer, 'an object { role, content }')
  const [role, content] = [given(value, 'role'), given(value, 'content')]
  const known = ROLES.find((each) => each === role)
  if (known === undefined)
    throw refuse('MESSAGES_INVALID', below(pointer, 'role'), `one of ${ROLES.join(', ')}`)
  if (typeof content !== 'string')
    throw refuse('MESSAGES_INVALID', below(pointer, 'content'), 'a string')
  return { role: known, content: wellFormed(content) }
}
