import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { checkDescriptors } from '../../src/cli/descriptors.ts'
import { reportError } from '../../src/cli/report-error.ts'
import { entryUrl } from '../../src/platform/entry.ts'
import { thrown } from '../coded.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))
const run = promisify(execFile)

test.each([32, 64, 200])(
  'with %i descriptors the command says what to do, without a stack',
  async (limit) => {
    const command = `ulimit -n ${limit}; exec "$0" "$1" serve -c nowhere.yaml`
    const failed = await run('bash', ['-c', command, process.execPath, main]).catch(
      (error: unknown) => error as { readonly code: number; readonly stderr: string },
    )
    expect(failed).toMatchObject({ code: 71 })
    expect(failed.stderr).toContain('DESCRIPTORS_SCARCE')
    expect(failed.stderr).toContain('ulimit -n 65536')
    expect(failed.stderr).not.toContain('    at ')
  },
)

test('enough is enough', () => {
  checkDescriptors(256)
  expect(thrown(() => checkDescriptors(255))).toMatchObject({ code: 'DESCRIPTORS_SCARCE' })
})

test('running out later is the same fault', () => {
  let text = ''
  const error = new Error("EMFILE: too many open files, open '/x'")
  expect(reportError(error, false, (written) => (text += written))).toBe(71)
  expect(text).not.toContain('    at ')
})
