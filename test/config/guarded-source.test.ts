/** A user's source that answers nonsense, or nothing, is a source that fails: shown with its name, and nothing is lost. */
import { expect, test } from 'vitest'
import { guardedSource } from '../../src/config/plugins/guarded-source.ts'
import type { Source, SourceRecord } from '../../src/contracts/source.ts'
import { rejection } from '../coded.ts'
import { openInstantClock } from '../trainer/world.ts'

const { signal } = new AbortController()
const limits = { records: 5, waitMs: 0 }
const good: SourceRecord = { partition: '0', position: '1', next: '2', value: new Uint8Array(3) }

function sourceWith(parts: Partial<Record<keyof Source, unknown>>): Source {
  const usual = {
    ...{ name: 'own', open: async () => {}, commit: async () => {}, lag: async () => 0 },
    ...{ read: async () => [good], close: async () => {} },
  }
  return guardedSource({ ...usual, ...parts } as Source, openInstantClock())
}

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['no list', { length: 1 }],
  ['no object', [null]],
  ['a number for a position', [good, { ...good, next: 2 }]],
  ['a text for a value', [{ ...good, value: 'text' }]],
  ['no value', [{ ...good, value: undefined }]],
  ['no number for a time', [{ ...good, timeMs: NaN }]],
  ['a time that no date has', [{ ...good, timeMs: 1e20 }]],
])('a read that answers %s fails, and the source is opened again', async (_what, read) => {
  const source = sourceWith({ read: async () => read })
  expect(await rejection(source.read(limits, signal))).toMatchObject({
    ...{ code: 'SOURCE_FAILED', retriable: false },
    message: expect.stringContaining('own: what read answers is wrong') as string,
  })
})

test('records of the right shape pass', async () => {
  const read = [good, { ...good, timeMs: 0 }]
  expect(await sourceWith({ read: async () => read }).read(limits, signal)).toBe(read)
})

test.each([NaN, -1, undefined])('a lag of %s fails', async (lag) => {
  const error = await rejection(sourceWith({ lag: async () => lag }).lag())
  expect(error.code).toBe('SOURCE_FAILED')
})

test('counters that throw are zeros', () => {
  const stats = () => {
    throw new Error('no')
  }
  expect(sourceWith({ stats }).stats?.()).toMatchObject({ records: 0 })
})

test('a read that does not answer fails, no other call runs beside it, and its answer comes with a later read', async () => {
  let answer: (read: readonly SourceRecord[]) => void = () => {}
  let calls = 0
  const read = async () => {
    calls += 1
    return new Promise((resolve) => (answer = resolve))
  }
  const lag = async () => {
    calls += 1
    return 7
  }
  const source = sourceWith({ read, lag })
  for (const asked of [source.read(limits, signal), source.read(limits, signal)])
    expect(await rejection(asked)).toMatchObject({
      ...{ code: 'SOURCE_FAILED', retriable: true, message: 'own: read does not answer' },
    })
  expect((await rejection(source.lag())).message).toBe('own: read does not answer')
  expect(calls).toBe(1)
  answer([good])
  expect(await source.read(limits, signal)).toEqual([good])
  expect(await source.lag()).toBe(7)
})

test('opened again, it reads from there: what an earlier read has answered since is passed over', async () => {
  const answers: ((read: readonly SourceRecord[]) => void)[] = []
  const read = async () => new Promise((resolve) => answers.push(resolve))
  const source = sourceWith({ read })
  await rejection(source.read(limits, signal))
  expect((await rejection(source.open({}, signal))).code).toBe('SOURCE_FAILED')
  answers[0]!([good])
  await source.open({}, signal)
  const next = source.read(limits, signal)
  answers[1]!([])
  expect(await next).toEqual([])
})

test.each(['commit', 'lag', 'locate'] as const)(
  'a %s that answers late holds up the reads until then, and no longer',
  async (slow) => {
    let answer = () => {}
    const late = async () => new Promise<void>((resolve) => (answer = resolve))
    const source = sourceWith({ [slow]: late })
    const calls = {
      commit: async () => source.commit({}),
      lag: async () => source.lag(),
      locate: async () => source.locate?.({ kind: 'end' } as never, {}, signal),
    }
    await rejection(calls[slow]())
    expect((await rejection(source.read(limits, signal))).message).toBe(
      `own: ${slow} does not answer`,
    )
    answer()
    expect(await source.read(limits, signal)).toEqual([good])
  },
)
