import { expect, test } from 'vitest'
import { PendingCalls } from '../../src/platform/pending-calls.ts'

test('an answer reaches the call that has its number, whatever the order, and once', async () => {
  const calls = new PendingCalls<string>()
  const sent: number[] = []
  const ask = () => calls.call((call) => void sent.push(call))
  const [first, second, third] = [ask(), ask(), ask()]
  expect(calls.size).toBe(3)
  calls.answer(sent[1]!, 'second')
  calls.answer(sent[1]!, 'too late')
  calls.refuse(sent[0]!, new Error('refused'))
  expect(await second).toBe('second')
  await expect(first).rejects.toThrow('refused')
  expect(calls.size).toBe(1)
  calls.refuseAll(new Error('gone'))
  await expect(third).rejects.toThrow('gone')
  expect(calls.size).toBe(0)
})
