import { expect, test } from 'vitest'
import { output, startChild } from '../child.ts'

test.skipIf(process.platform !== 'linux')(
  'a trainer gives way to answers with every thread, also those that V8 has started before it',
  async () => {
    const priorities = await output(startChild('./priority-child.mjs', import.meta.url))
    expect(JSON.parse(priorities)).toEqual([10])
  },
)
