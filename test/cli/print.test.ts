import { expect, onTestFinished, test, vi } from 'vitest'
import { print } from '../../src/cli/print.ts'
import { reportError } from '../../src/cli/report-error.ts'
import { failure } from '../../src/platform/errors.ts'

test('what a terminal would carry out is shown to people as text, also in an error', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => {
    write.mockRestore()
  })
  print(false, null, () => ['a\tletter:\u001b]0;title\u0007 \u009b2J\rgone', 'two\nlines'])
  const shown = 'a\tletter:\\u001b]0;title\\u0007 \\u009b2J\\u000dgone\ntwo\nlines\n'
  expect(write.mock.calls).toEqual([[shown]])
  let told = ''
  reportError(failure('USAGE', 'bad \u001b[31m'), false, (text) => (told += text))
  expect(told).toContain('bad \\u001b[31m')
})
