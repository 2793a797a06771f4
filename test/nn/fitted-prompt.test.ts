/** Prompts that leave room for an answer: whole, without their oldest turns, or refused. */
import { text as textInput } from '../../src/payloads/inputs/text.ts'
import { messages as messagesInput } from '../../src/payloads/inputs/messages.ts'
import { isOf } from '../../src/contracts/payload.ts'
import { expect, test } from 'vitest'
import type { ChatMessage, ChatRole, Input } from '../../src/contracts/event.ts'
import { fittedPrompt, type PromptRoom } from '../../src/nn/fitted-prompt.ts'
import { thrown } from '../coded.ts'

/** A character is a token. */
const language = {
  prompt: (input: Input) => Int32Array.from(textOf(input), (character) => character.charCodeAt(0)),
}
const textOf = (input: Input) => {
  if (isOf(input, messagesInput)) return input.messages.map(({ content }) => content).join('')
  return isOf(input, textInput) ? input.text : ''
}
const roles: Readonly<Record<string, ChatRole>> = { s: 'system', u: 'user', a: 'assistant' }
/** `u1111`: the user says five characters. */
const chat = (...contents: string[]): Input => ({
  kind: 'messages',
  messages: contents.map((content): ChatMessage => ({ role: roles[content[0]!]!, content })),
})
const fitted = (input: Input, change: Partial<PromptRoom> = {}) => {
  const room = { most: 12, answer: 4, overflow: 'truncate' as const, ...change }
  const { ids, dropped } = fittedPrompt(language, input, room)
  return [String.fromCharCode(...ids), dropped]
}

const text = (text: string): Input => ({ kind: 'text', text })

test.each<[string, Input, Partial<PromptRoom>, string, number]>([
  ['fits', chat('u1', 'a1', 'u2'), {}, 'u1a1u2', 0],
  ['loses its oldest turn', chat('u1', 'a1', 'u2', 'a2', 'u3'), {}, 'u2a2u3', 4],
  ['keeps the system message', chat('s0', 'u1', 'a1', 'u2', 'a2', 'u3'), {}, 's0u2a2u3', 4],
  ['loses all but the last message', chat('u1', 'a1', 'u2345678'), {}, 'u2345678', 4],
  ['keeps the last message, also of the assistant', chat('u1', 'a2345678'), {}, 'a2345678', 2],
  [
    'takes the room of the answer rather than a message',
    chat('u1', 'u23456789'),
    {},
    'u23456789',
    2,
  ],
  ['has room for half of a long answer', chat('u1', 'a1', 'u2'), { answer: 100 }, 'u1a1u2', 0],
  ['is a text: its end stays', text('0123456789'), {}, '23456789', 2],
  [
    'is not too long, and nothing is dropped',
    text('0123456789'),
    { overflow: 'refuse' },
    '0123456789',
    0,
  ],
])('a prompt that %s', (_what, input, change, expected, dropped) => {
  expect(fitted(input, change)).toEqual([expected, dropped])
})

test.each<[string, Input, Partial<PromptRoom>, string]>([
  ['is empty', text(''), {}, 'INPUT_EMPTY'],
  ['leaves no room', text('0123456789ab'), { overflow: 'refuse' }, 'INPUT_TOO_LONG'],
  ['has a last message that leaves none', chat('u1', 'u23456789abc'), {}, 'INPUT_TOO_LONG'],
  ['has a system message that leaves none', chat('s123456789', 'u1'), {}, 'INPUT_TOO_LONG'],
])('a prompt is refused that %s', (_what, input, change, code) => {
  expect(thrown(() => fitted(input, change)).code).toBe(code)
})

test('a text that is cut still begins as every text does', () => {
  const marked = {
    before: [60],
    prompt: (input: Input) => Int32Array.of(60, ...language.prompt(input)),
  }
  const room = { most: 12, answer: 4, overflow: 'truncate' as const }
  const { ids, dropped } = fittedPrompt(marked, text('0123456789'), room)
  expect([String.fromCharCode(...ids), dropped]).toEqual(['<3456789', 3])
})

test('a long conversation is rendered a few times, not once for each turn', () => {
  let rendered = 0
  const counting = { prompt: (input: Input) => ((rendered += 1), language.prompt(input)) }
  const messages = Array.from({ length: 1001 }, (_, at) => (at % 2 === 0 ? 'u1' : 'a1'))
  const room = { most: 100, answer: 10, overflow: 'truncate' as const }
  expect(fittedPrompt(counting, chat(...messages), room).ids).toHaveLength(90)
  expect(rendered).toBeLessThan(15)
})
