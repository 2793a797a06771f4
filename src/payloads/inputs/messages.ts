/**
 * The messages of a conversation, oldest first, for a language model: its base writes them as its chat template says. All
 * contents together are as long as a text may be; a single one may be empty.
 */
import type { Json } from '../../contracts/core.ts'
import type { ChatMessage, ChatRole } from '../../contracts/event.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { below, given, isLonger, isObject, refuse, visible } from '../reading.ts'

export type MessagesInput = Readonly<{
  kind: 'messages'
  messages: readonly ChatMessage[]
}>

type MessageLimits = Pick<Limits, 'text_characters' | 'messages'>

const ROLES = ['system', 'user', 'assistant'] as const satisfies readonly ChatRole[]

export const messages: InputKind<MessagesInput> = {
  name: 'messages',
  summary: 'a conversation, for a language model',
  flags: {
    messages: {
      description: 'or messages: [{"role": "user", "content": "Hello"}]; Hello alone is that',
      as: 'json',
      other(content) {
        const usage = '--messages is no JSON: give [{"role": "user", "content": "…"}], or a text'
        if (/^\s*[[{]/.test(content)) throw failure('USAGE', usage)
        return [{ role: 'user', content }]
      },
    },
  },
  example: [{ role: 'user', content: 'Where is my parcel?' }],
  read(value, limits: MessageLimits, pointer) {
    const list: readonly Json[] | undefined = Array.isArray(value) ? value : undefined
    if (list === undefined) throw refuse('MESSAGES_INVALID', pointer, 'a list of messages')
    if (list.length > limits.messages)
      throw refuse('INPUT_TOO_LONG', pointer, `${list.length} messages, at most ${limits.messages}`)
    const read = list.map((message, at) => readMessage(message, below(pointer, at)))
    const all = read.map(({ content }) => content).join('')
    if (isLonger(all, limits.text_characters))
      throw refuse('INPUT_TOO_LONG', pointer, `more than ${limits.text_characters} characters`)
    if (!isVisible(all)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
    return { kind: 'messages', messages: read }
  },
  // `read` counts the characters of all contents together.
  schema({ messages: most, text_characters }: MessageLimits) {
    const content = { type: 'string', maxLength: text_characters, ...visible }
    const properties = { role: { enum: [...ROLES] }, content }
    const items = { type: 'object', properties, required: ['role', 'content'] }
    return { type: 'array', minItems: 1, maxItems: most, items }
  },
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
