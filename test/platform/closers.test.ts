import { expect, test } from 'vitest'
import { closeAll, Closers, closeTogether } from '../../src/platform/closers.ts'

function open() {
  const logged: unknown[] = []
  const closers = new Closers({ error: (details) => void logged.push(details) })
  const order: string[] = []
  const step = (name: string, failure?: Error) => () => {
    order.push(name)
    if (failure !== undefined) throw failure
  }
  return { closers, logged, order, step }
}

test('a step that fails keeps no other from closing, and is reported', async () => {
  const { closers, logged, order, step } = open()
  const failure = new Error('the disk')
  closers.add(step('store'))
  closers.add(step('server', failure))
  closers.add(step('socket'))
  await expect(closers.close()).rejects.toBe(failure)
  expect(order).toEqual(['socket', 'server', 'store'])
  expect(logged).toEqual([{ err: failure }])
  await closers.close()
  expect(order).toHaveLength(3)
})

test('several failures are reported together', async () => {
  const { closers, step } = open()
  const [one, other] = [new Error('one'), new Error('other')]
  closers.add(step('a', one))
  closers.add(() => Promise.reject(other))
  await expect(closers.close()).rejects.toMatchObject({ errors: [other, one] })
})

test('after an error the caller hears of that one, and the others are logged', async () => {
  const { closers, logged, order, step } = open()
  closers.add(step('a'))
  closers.add(step('b', new Error('second')))
  await expect(closers.closeAfter(new Error('first'))).rejects.toThrow('first')
  expect(order).toEqual(['b', 'a'])
  expect(logged).toHaveLength(1)
})

test('parts close in the order they are given, or all at once, and one that fails keeps no other open', async () => {
  const { order, step } = open()
  const parts = [step('a'), step('b', new Error('b is stuck')), step('c')]
  const closeables = parts.map((close) => ({ close }))
  await expect(closeAll(closeables)).rejects.toThrow('b is stuck')
  await expect(closeTogether(closeables)).rejects.toThrow('b is stuck')
  expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
})
