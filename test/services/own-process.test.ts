import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { OwnProcess } from '../../src/cli/services/own-process.ts'

test('a program that is not installed has ended, and says why', async () => {
  const child = spawn('antikythera-no-such-program')
  const own = new OwnProcess(child)
  await new Promise((resolve) => child.once('close', resolve))
  expect(own.hasEnded).toBe(true)
  expect(own.fault?.message).toContain('ENOENT')
  await own.end('SIGTERM')
})
