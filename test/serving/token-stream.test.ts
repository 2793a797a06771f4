import { expect, test } from 'vitest'
import { TokenStream } from '../../src/serving/engine/text-queue.ts'

test('a reader that stops while it waits for a token gets the end', async () => {
  let canceled = 0
  const stream = new TokenStream<string>(() => (canceled += 1))
  const waiting = stream.next()
  await stream.return()
  expect(await waiting).toEqual({ value: undefined, done: true })
  expect(await stream.next()).toEqual({ value: undefined, done: true })
  await stream.return()
  expect(canceled).toBe(1)
})
