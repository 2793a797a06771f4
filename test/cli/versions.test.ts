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
    expect(text).toMatch(/^ {2}mean error: how far answers are from the right number, in its unit/m)
    expect(text).not.toContain('accuracy')
    // A version of an earlier release has only its closeness, which is shown under no other name.
    expect(text).not.toContain('80.0 %')
  },
)

test('why lists the versions that the live one was trained from', async () => {
  const text = await shown('why')
  expect(text).toContain('v1 and the versions that it was trained from, newest first:')
  expect(text).toMatch(/^ {2}v1 +.*\n {2}v0 +/m)
})

test('why says from when to when a version was live, what made it so, and what ended it', async () => {
  const { server, registry } = await openServed()
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  const moved = async (version: string, by: 'promote' | 'rollback', reason: string) =>
    registry.point({ version, expect: (await registry.live())!.generation, reason, by })
  await moved('v4', 'promote', 'a hunch')
  await moved('v1', 'rollback', 'it was wrong')
  const v4 = await runCli('why', '--version', 'v4', '--url', url)
  expect(v4.stdout).toMatch(
    /when v4 was live, newest first:\n {2}move 3, from 1970\S+ to 1970\S+: promote: a hunch\n {4}ended by rollback: it was wrong\n/,
  )
  const { stdout } = await runCli('why', '--url', url)
  expect(stdout).toMatch(/when v1 was live, newest first:\n {2}move 4, from \S+ to now: rollback:/)
  expect(stdout).toMatch(/ {2}move 2, from \S+ to 1970\S+: \S+: .*\n {4}ended by promote: a hunch/)
  expect((await runCli('why', '--version', 'v5', '--url', url)).stdout).not.toContain('was live,')
})
