/** What the flags of inputs make of the words of a command line. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inputIn } from '../../src/cli/feedback/payload-flags.ts'
import { thrown } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

test('the messages of a conversation are JSON, and a text alone is one message of the user', () => {
  const asked = { messages: [{ role: 'user', content: 'Where is it?' }] }
  expect(inputIn({ messages: 'Where is it?' })).toEqual(asked)
  expect(inputIn({ messages: JSON.stringify(asked.messages) })).toEqual(asked)
  expect(thrown(() => inputIn({ messages: '[{"role": "user"' }))).toMatchObject({
    code: 'USAGE',
    message: '--messages is no JSON: give [{"role": "user", "content": "…"}], or a text',
  })
})

test('only a picture below a field is read at its path, and a text that begins with @ stays', () => {
  const path = join(scratchFolder(), 'dent.png')
  writeFileSync(path, 'bytes')
  const given = (value: object, flag = 'fields') => inputIn({ [flag]: JSON.stringify(value) })
  expect(given({ amount: 1, photo: { image: `@${path}` } })).toEqual({
    fields: { amount: 1, photo: { image: Buffer.from('bytes').toString('base64') } },
  })
  for (const texts of [
    { report: { document: '@ada wrote this.' } },
    { document: '@ada wrote this.', image: '@none.png' },
    { note: { text: '@ada' } },
  ])
    expect(given(texts)).toEqual({ fields: texts })
  const category = { image: '@none.png', document: '@none' }
  expect(given(category, 'features')).toEqual({ features: category })
  expect(thrown(() => given({ photo: { image: '@none.png' } })).code).toBe('SOURCE_MISSING')
})
