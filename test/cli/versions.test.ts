/** `versions` and `why` call a score what the task of the model calls it, and say what it is. */
import { expect, test } from 'vitest'
import type { Task } from '../../src/contracts/task.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { runCli } from './run-cli.ts'

const numbers = openRegression({ loss: 'huber', huber_delta: 1 }) as unknown as Task

async function shown(command: string, options: ServedOptions = {}): Promise<string> {
  const { server } = await openServed(options)
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return (await runCli(command, '--url', url)).stdout
}

test.each(['versions', 'why'])('%s shows the accuracy of a classification', async (command) => {
  const text = await shown(command)
  expect(text).toContain('80.0 %')
  expect(text).toMatch(/^ {2}accuracy: share of the answers that were right;/m)
  expect(text).not.toContain('closeness')
})

test.each(['versions', 'why'])(
  '%s of numbers does not call their closeness an accuracy',
  async (command) => {
    const text = await shown(command, { task: numbers })
    expect(text).toContain('80.0 %')
    expect(text).toMatch(/^ {2}closeness: mean of 1 \/ \(1 \+ \|error\|/m)
    expect(text).not.toContain('accuracy')
  },
)

test('why lists the versions that the live one was trained from', async () => {
  const text = await shown('why')
  expect(text).toContain('v1 and the versions that it was trained from, newest first:')
  expect(text).toMatch(/^ {2}v1 +.*\n {2}v0 +/m)
})
