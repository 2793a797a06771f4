import { setImmediate as nextTick } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memorySource } from '../../connectors/memory/source.ts'
import type { Positions, Source } from '../../src/contracts/source.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { SourceMultiplexer } from '../../src/trainer/sources/multiplexer.ts'
import { BufferedSource } from '../../src/trainer/sources/buffered-source.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { instantClock, silentLog } from './world.ts'

const never = new AbortController().signal
const clock = instantClock
const retry = new RetryPolicy({ clock, log: silentLog, jitter: openRandom(1, 'jitter') })

function interleave(sources: readonly Source[], { turn = 0, records = 2 } = {}): SourceMultiplexer {
  const lines = sources.map(
    (source) => new BufferedSource({ source, from: {}, records, clock, log: silentLog, retry }),
  )
  return new SourceMultiplexer(lines, turn, clock)
}

async function drain(stream: SourceMultiplexer): Promise<string> {
  const read: string[] = []
  for (let next = await stream.next(never); next; next = await stream.next(never))
    read.push(new TextDecoder().decode(next.record.value))
  return read.join(' ')
}

const three = () => [
  memorySource('a', ['a1', 'a2', 'a3', 'a4']),
  memorySource('b', ['b1']),
  memorySource('c', ['c1', 'c2']),
]

test('records come in rotation, and an empty source is passed over', async () => {
  expect(await drain(interleave(three()))).toBe('a1 b1 c1 a2 c2 a3 a4')
})

test('what is here already is taken in the same order, without asking a source', async () => {
  const stream = interleave(three(), { records: 100 })
  const read: string[] = []
  for (;;) {
    const next = stream.take() ?? (await stream.next(never))
    if (next === undefined) break
    read.push(new TextDecoder().decode(next.record.value))
  }
  expect(read.join(' ')).toBe('a1 b1 c1 a2 c2 a3 a4')
})

test('a record from the future has no time; one that is a little ahead keeps its own', async () => {
  const hourMs = 3_600_000
  const timesMs = [0, clock.nowMs() + hourMs, clock.nowMs() + 100 * 365 * 24 * hourMs, undefined]
  const source = memorySource('a', ['a1', 'a2', 'a3', 'a4'])
  const stamped: Source = {
    ...source,
    name: 'a',
    async read(limits, signal) {
      const read = await source.read(limits, signal)
      return read.map((record, at) => {
        const timeMs = timesMs[at]
        return { ...record, ...(timeMs !== undefined && { timeMs }) }
      })
    },
  }
  const stream = interleave([stamped], { records: 4 })
  const read: (number | undefined)[] = []
  for (let next = await stream.next(never); next; next = await stream.next(never))
    read.push(next.record.timeMs)
  expect(read).toEqual([...timesMs.slice(0, 2), undefined, undefined])
})

test('a look at what comes takes nothing', async () => {
  const stream = interleave(three(), { records: 100 })
  expect(stream.upcoming(10)).toEqual([])
  await stream.next(never)
  await stream.next(never)
  const shown = stream.upcoming(4).map(({ record }) => new TextDecoder().decode(record.value))
  expect(shown).toEqual(['a2', 'a3'])
  expect(await drain(stream)).toBe('c1 a2 c2 a3 a4')
})

test('each source is shown with what it gave and what it has, by its own count if it keeps one', async () => {
  const own = { records: 9, bytes: 8, rebalances: 7, refused: 6 }
  const [a, b] = three()
  const stream = interleave([a!, { ...b!, stats: () => own }])
  await drain(stream)
  await stream.measure(never)
  expect(stream.sources).toEqual({
    a: { records: 4, bytes: 8, rebalances: 0, refused: 0, lag: 0 },
    b: { ...own, lag: 0 },
  })
})

test('the order is the same however many are read at once', async () => {
  const orders = await Promise.all(
    [1, 2, 100].map((records) => drain(interleave(three(), { records }))),
  )
  expect(new Set(orders).size).toBe(1)
})

test('a later life goes on with the source whose turn it was', async () => {
  const first = interleave(three())
  await first.next(never)
  expect(first.turn).toBe(1)
  expect(await drain(interleave(three(), { turn: 2 }))).toBe('c1 a1 b1 c2 a2 a3 a4')
})

test('a source that fails looks empty until its pause is over, and loses nothing', async () => {
  const [a, b] = [memorySource('a', ['a1', 'a2']), memorySource('b', ['b1', 'b2'])]
  const stream = interleave([a, b])
  a.failNextRead()
  expect(await drain(stream)).toBe('b1 b2')
  await stream.rest(1_000, never)
  expect(await drain(stream)).toBe('a1 a2')
})

test('a source that is missing shows its code, keeps no other waiting, and is opened again where it was', async () => {
  const [a, b] = [memorySource('a', ['a1', 'a2']), memorySource('b', ['b1', 'b2'])]
  let isGone = true
  const opened: Positions[] = []
  const open: Source['open'] = async (from, signal) => {
    opened.push({ ...from })
    if (isGone) throw failure('SOURCE_MISSING', 'gone')
    await a.open(from, signal)
  }
  const stream = interleave([{ ...a, open }, b])
  expect(await drain(stream)).toBe('b1 b2')
  expect(stream.sources.a).toMatchObject({ code: 'SOURCE_MISSING', message: 'gone' })
  expect(stream.sources.b?.code).toBeUndefined()
  expect(stream.isMeasured).toBe(true)
  isGone = false
  await stream.rest(1_000, never)
  expect(await drain(stream)).toBe('a1 a2')
  expect(stream.sources.a?.code).toBeUndefined()
  expect(opened.at(-1)).toEqual({})
})

test('a source that goes missing later is opened again behind what it has given', async () => {
  const a = memorySource('a', ['a1', 'a2'])
  const opened: Positions[] = []
  let reads = 0
  const stream = interleave([
    {
      ...a,
      open: async (from, signal) => {
        opened.push({ ...from })
        await a.open(from, signal)
      },
      read: async (limits, signal) => {
        reads += 1
        if (reads === 2) throw failure('SOURCE_MISSING', 'truncated')
        return a.read(limits, signal)
      },
    },
  ])
  expect(await drain(stream)).toBe('a1 a2')
  await stream.rest(1_000, never)
  expect(await drain(stream)).toBe('')
  expect(opened).toEqual([{}, { '0': '2' }])
})

test('a defect of a source is thrown', async () => {
  const source = memorySource('a', ['a1'])
  const broken = () => Promise.reject(new TypeError('a bug'))
  await expect(interleave([{ ...source, read: broken }]).next(never)).rejects.toThrow('a bug')
})

test('waiting ends when one source has something, and when somebody wakes it', async () => {
  const empty = waitingSource('empty')
  const other = waitingSource('other')
  const stream = interleave([empty, other])
  const resting = stream.rest(60_000, never)
  await nextTick()
  other.arrive('o1')
  await resting
  expect(await drain(stream)).toBe('o1')
  const again = stream.rest(60_000, never)
  await nextTick()
  stream.wake()
  await again
  // Woken before it rests, it does not rest.
  stream.wake()
  await stream.rest(60_000, never)
})

test('a source that does not wait as it should is waited for', async () => {
  const before = clock.monotonicMs()
  await interleave([memorySource('a')]).rest(50, never)
  // A timer of Node may end up to a millisecond early.
  expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(49)
})

test('lag counts what exists and what was read but not consumed', async () => {
  const stream = interleave(three())
  await stream.next(never)
  await stream.measure(never)
  expect(stream.lag).toBe(6)
  await drain(stream)
  await stream.measure(never)
  expect(stream.lag).toBe(0)
})

test('a commit that fails is no failure of the trainer', async () => {
  const source = { ...memorySource('a', ['a1']), commit: () => Promise.reject(new Error('no')) }
  const stream = interleave([source])
  await stream.next(never)
  await expect(stream.commit({ a: { '0': '1' } })).resolves.toBeUndefined()
})

/** Waits in `read` until something arrives or its signal is aborted. */
function waitingSource(name: string): Source & { arrive(value: string): void } {
  const inner = memorySource(name)
  let wake: () => void = () => {}
  return {
    ...inner,
    arrive(value) {
      inner.append([value])
      wake()
    },
    async read(limits, signal) {
      const found = await inner.read(limits, signal)
      if (found.length > 0 || limits.waitMs === 0) return found
      await new Promise<void>((resolve, reject) => {
        wake = resolve
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
      return inner.read(limits, signal)
    },
  }
}
