/** What the flags of inputs make of the words of a command line. */
import { expect, test } from 'vitest'
import { inputIn } from '../../src/cli/feedback/payload-flags.ts'
import { thrown } from '../coded.ts'

test('the messages of a conversation are JSON, and a text alone is one message of the user', () => {
  const asked = { messages: [{ role: 'user', content: 'Where is it?' }] }
  expect(inputIn({ messages: 'Where is it?' })).toEqual(asked)
  expect(inputIn({ messages: JSON.stringify(asked.messages) })).toEqual(asked)
  expect(thrown(() => inputIn({ messages: '[{"role": "user"' }))).toMatchObject({
    code: 'USAGE',
    message: '--messages is no JSON: give [{"role": "user", "content": "…"}], or a text',
  })
})
