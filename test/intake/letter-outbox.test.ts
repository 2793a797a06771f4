import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fileDeadLetterSink } from '../../connectors/file/sink.ts'
import { CodedError, type Logger } from '../../src/contracts/core.ts'
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { openLetterOutbox, type LetterOutboxOptions } from '../../src/intake/dead-letters/outbox.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { letter } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}

function openedLetters(path = join(scratchFolder(), 'dead-letters.db'), count = 1000) {
  const letters = openDeadLetters(path, { count })
  onTestFinished(() => letters.close())
  return letters
}

/** A sink in memory that fails as `fail` says. */
function sinkOf(fail: (batch: readonly DeadLetter[]) => CodedError | undefined) {
  const got: string[] = []
  const sink: Sink = {
    write: async (batch) => {
      const error = fail(batch)
      if (error) throw error
      got.push(...batch.map(({ key }) => key))
      return Promise.resolve()
    },
    close: async () => Promise.resolve(void got.push('closed')),
  }
  return { sink, got }
}

function sending(
  more: Pick<LetterOutboxOptions, 'letters' | 'sink'> & Partial<LetterOutboxOptions>,
) {
  const outbox = openLetterOutbox({
    clock: { ...systemClock, sleep: async (_ms, signal) => systemClock.sleep(1, signal) },
    log: silent,
    ...more,
  })
  onTestFinished(() => outbox.close())
  return outbox
}

const away = () => new CodedError('SOURCE_FAILED', 'away', { retriable: true })
const keys = (count: number) => Array.from({ length: count }, (_, at) => `k-${at}`)

test('letters get to the sink in order, also those that another process wrote later', async () => {
  const path = join(scratchFolder(), 'dead-letters.db')
  const [server, trainer] = [openedLetters(path), openedLetters(path)]
  await server.write(keys(250).map((key) => letter(key)))
  const { sink, got } = sinkOf(() => undefined)
  const outbox = sending({ letters: server.unsent, sink })
  await expect.poll(() => got).toEqual(keys(250))
  await trainer.write([letter('k-0'), letter('late')])
  await expect.poll(() => got.at(-1)).toBe('late')
  expect(got).toHaveLength(251)
  await expect.poll(() => outbox.waiting()).toBe(0)
})

test('while the sink is away letters wait in their file, over a restart too', async () => {
  const path = join(scratchFolder(), 'dead-letters.db')
  const first = openDeadLetters(path, { count: 1000 })
  await first.write([letter('a'), letter('b')])
  const closed = sinkOf(away)
  const outbox = sending({ letters: first.unsent, sink: closed.sink })
  await systemClock.sleep(20)
  expect(outbox.waiting()).toBe(2)
  await outbox.close()
  await first.close()
  expect(closed.got).toEqual(['closed'])
  const again = openedLetters(path)
  let isAway = true
  const { sink, got } = sinkOf(() => (isAway ? away() : undefined))
  sending({ letters: again.unsent, sink })
  await again.write([letter('c')])
  isAway = false
  await expect.poll(() => got).toEqual(['a', 'b', 'c'])
})

test('one that the sink refuses for good stays in the file and keeps no other', async () => {
  const letters = openedLetters()
  await letters.write(keys(5).map((key) => letter(key)))
  const refuses = (batch: readonly DeadLetter[]) =>
    batch.some(({ key }) => key === 'k-2') ? new CodedError('EVENT_TOO_LARGE', 'no') : undefined
  const { sink, got } = sinkOf(refuses)
  const unsendable: number[] = []
  const onUnsendable = (count: number) => void unsendable.push(count)
  sending({ letters: letters.unsent, sink, onUnsendable })
  await expect.poll(() => got).toEqual(['k-0', 'k-1', 'k-3', 'k-4'])
  await expect.poll(() => unsendable).toEqual([1])
  expect(letters.list(10)).toHaveLength(5)
})

test('a sink that lets nobody in has all of them when it does', async () => {
  const letters = openedLetters()
  await letters.write(keys(3).map((key) => letter(key)))
  let isShut = true
  let tries = 0
  const { sink, got } = sinkOf(() => {
    tries += 1
    return isShut ? new CodedError('BROKER_REFUSED', 'who are you?') : undefined
  })
  const unsendable: number[] = []
  sending({ letters: letters.unsent, sink, onUnsendable: (count) => void unsendable.push(count) })
  await expect.poll(() => tries).toBeGreaterThan(1)
  isShut = false
  await expect.poll(() => got).toEqual(['k-0', 'k-1', 'k-2'])
  expect(unsendable).toEqual([])
})

test('letters that were removed for space before they were sent are counted', async () => {
  const letters = openedLetters(undefined, 3)
  await letters.write(keys(5).map((key) => letter(key)))
  await letters.write(
    keys(5)
      .map((key) => letter(key))
      .slice(3),
  )
  const { sink, got } = sinkOf(() => undefined)
  const unsendable: number[] = []
  sending({ letters: letters.unsent, sink, onUnsendable: (count) => void unsendable.push(count) })
  await expect.poll(() => got).toEqual(['k-2', 'k-3', 'k-4'])
  await expect.poll(() => unsendable).toEqual([2])
})

test('a letter that was written twice leaves no gap that counts as a lost one', async () => {
  const letters = openedLetters()
  await letters.write([letter('a')])
  await letters.write([letter('a')])
  await letters.write([letter('b')])
  const { sink, got } = sinkOf(() => undefined)
  const unsendable: number[] = []
  const outbox = sending({
    letters: letters.unsent,
    sink,
    onUnsendable: (count) => void unsendable.push(count),
  })
  await expect.poll(() => outbox.waiting()).toBe(0)
  expect(got).toEqual(['a', 'b'])
  expect(unsendable).toEqual([])
})

test('closing does not wait for a sink that does not answer', async () => {
  const letters = openedLetters()
  await letters.write([letter('a')])
  const sink: Sink = {
    write: () => new Promise(() => undefined),
    close: async () => Promise.resolve(),
  }
  const outbox = sending({ letters: letters.unsent, sink })
  await systemClock.sleep(5)
  await outbox.close()
  expect(outbox.waiting()).toBe(1)
})

test('a sink gets the bytes and the headers that arrived', async () => {
  const letters = openedLetters()
  const headers = { ce_id: 'c-1', trace: new Uint8Array([255, 0]) }
  await letters.write([{ ...letter('a'), headers }])
  const path = join(scratchFolder(), 'letters.jsonl')
  const outbox = sending({ letters: letters.unsent, sink: fileDeadLetterSink({ path }) })
  await expect.poll(() => outbox.waiting()).toBe(0)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
    key: 'a',
    headers: { ce_id: 'c-1', trace: { base64: '/wA=' } },
    value: Buffer.from([0, 255, 10]).toString('base64'),
  })
})
