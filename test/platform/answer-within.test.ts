import { createServer, connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { answerWithin } from '../../src/platform/redis/redis.ts'

/** Answers each line with itself at once, from a process that is never busy: the kernel's buffers do for that. */
async function echo(): Promise<{ ask(): Promise<string>; close(): void }> {
  const server = createServer((socket) => socket.pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  return {
    ask: async () =>
      new Promise((resolve) => {
        socket.once('data', (bytes) => resolve(bytes.toString()))
        socket.write('answer')
      }),
    close: () => {
      socket.destroy()
      server.close()
    },
  }
}

function beBusy(forMs: number): void {
  const endMs = performance.now() + forMs
  while (performance.now() < endMs);
}

test('an answer that lies in the socket while the process was busy is no time-out', async () => {
  const { ask, close } = await echo()
  const answer = answerWithin(20, ask())
  // The other end lives in this process too: it gets one turn, and then nothing runs for long.
  await new Promise((resolve) => setImmediate(resolve))
  beBusy(200)
  await expect(answer).resolves.toBe('answer')
  close()
})

test("an answer that does not come is a time-out, and its late failure is nobody's", async () => {
  let fail: (error: Error) => void = () => undefined
  const never = new Promise<string>((_, reject) => (fail = reject))
  await expect(answerWithin(20, never)).rejects.toThrow('Command timed out')
  fail(new Error('late'))
  await new Promise((resolve) => setImmediate(resolve))
})

test('a failure comes through as it is', async () => {
  await expect(answerWithin(1000, Promise.reject(new Error('refused')))).rejects.toThrow('refused')
})
