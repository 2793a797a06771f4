import { expect, test } from 'vitest'
import type { Input } from '../../src/contracts/event.ts'
import { failure } from '../../src/platform/errors.ts'
import { Batcher, type BatcherOptions } from '../../src/serving/engine/batcher.ts'
import { prepared } from '../../src/serving/live/predict.ts'
import { rejection } from '../coded.ts'
import { openFakeClock, settled } from './fake-clock.ts'
import { openFakeEngine, tokens, type FakeEngine } from './fake-engine.ts'
import { versionOf } from './fake-registry.ts'
import { fc, runs } from '../properties.ts'

async function openEngine(...numbers: readonly number[]): Promise<FakeEngine> {
  let runs = 0
  // Later runs end before earlier ones, now and then.
  const engine = openFakeEngine({ delayMs: () => (runs++ % 3 === 0 ? 2 : 0) })
  for (const number of numbers) await engine.load(`digest-v${number}`, versionOf('m', number))
  return engine
}

function open(engine: FakeEngine, options: Partial<BatcherOptions> = {}) {
  const clock = openFakeClock()
  const metrics = { observe: () => {} }
  const limits = { lanes: 1, rowsPerRun: 4, queue: 100, queueBytes: 1000, waitMs: 1000 }
  return { clock, batcher: new Batcher({ engine, clock, metrics, ...limits, ...options }) }
}

const one = { model: 'm', adapter: 'digest-v1' }

test('a lone request goes at once, with nothing to wait for', async () => {
  const engine = await openEngine(1)
  const { batcher } = open(engine)
  const answer = batcher.run({ ...one, rows: [tokens(7)] })
  expect(engine.runs).toHaveLength(1)
  expect(await answer).toEqual([Float32Array.from([1, 7])])
})

test('what arrives during a run gathers into the next, up to its size', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { rowsPerRun: 3 })
  const answers = [1, 2, 3, 4, 5].map((id) => batcher.run({ ...one, rows: [tokens(id)] }))
  expect(batcher.waiting('m')).toBe(4)
  for (let run = 0; run < 3; run += 1) {
    engine.finish()
    await settled()
  }
  expect(engine.runs.map((rows) => rows.length)).toEqual([1, 3, 1])
  expect((await Promise.all(answers)).map(([logits]) => logits?.[1])).toEqual([1, 2, 3, 4, 5])
})

test('no more runs are in flight than there are lanes', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { lanes: 2, rowsPerRun: 1 })
  const answers = [1, 2, 3].map((id) => batcher.run({ ...one, rows: [tokens(id)] }))
  expect(engine.inFlight).toBe(2)
  for (let run = 0; run < 3; run += 1) engine.finish()
  await settled()
  engine.finish()
  await Promise.all(answers)
})

test('rows of different adapters and models share a run, in turns', async () => {
  const engine = await openEngine(1, 2)
  engine.hold()
  const { batcher } = open(engine, { rowsPerRun: 3 })
  const flood = [1, 2, 3, 4].map((id) => batcher.run({ ...one, rows: [tokens(id)] }))
  const other = batcher.run({ model: 'other', adapter: 'digest-v2', rows: [tokens(9)] })
  engine.finish()
  await settled()
  expect(engine.runs[1]?.map(({ adapter }) => adapter)).toEqual([
    'digest-v1',
    'digest-v2',
    'digest-v1',
  ])
  engine.finish()
  await settled()
  engine.finish()
  expect(await other).toEqual([Float32Array.from([2, 9])])
  await Promise.all(flood)
})

test('a single row does not wait behind all rows of a large request of its model', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { rowsPerRun: 4 })
  const large = batcher.run({ ...one, rows: Array.from({ length: 40 }, () => tokens(1)) })
  const single = batcher.run({ ...one, rows: [tokens(2)] })
  engine.finish()
  await settled()
  expect(engine.runs).toHaveLength(2)
  engine.finish()
  expect(await single).toEqual([Float32Array.from([1, 2])])
  while (engine.inFlight > 0) {
    engine.finish()
    await settled()
  }
  expect(await large).toHaveLength(40)
})

test('long rows make a short batch, so that what comes next waits for few of them', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { rowsPerRun: 8 })
  const long = tokens(...Array.from({ length: 128 }, () => 1))
  const answers = batcher.run({ ...one, rows: Array.from({ length: 5 }, () => long) })
  for (let run = 0; run < 3; run += 1) {
    engine.finish()
    await settled()
  }
  await answers
  expect(engine.runs.map((rows) => rows.length)).toEqual([2, 2, 1])
})

test('a full queue refuses with QUEUE_FULL, which may be tried again, and loses nothing', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { queue: 2 })
  const running = batcher.run({ ...one, rows: [tokens(0)] })
  const waiting = batcher.run({ ...one, rows: [tokens(1), tokens(2)] })
  const refused = await rejection(batcher.run({ ...one, rows: [tokens(3)] }))
  expect(refused).toMatchObject({ code: 'QUEUE_FULL', retriable: true })
  engine.finish()
  await settled()
  engine.finish()
  expect(await running).toHaveLength(1)
  expect(await waiting).toHaveLength(2)
})

test('waiting rows are counted in bytes too, and a request that finds none waiting is taken', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const row = (length: number) => ({ data: new Float32Array(length) })
  const { batcher } = open(engine, { queueBytes: 400 })
  const running = batcher.run({ ...one, rows: [row(200)] })
  const waiting = batcher.run({ ...one, rows: [row(200)] })
  const refused = await rejection(batcher.run({ ...one, rows: [row(1)] }))
  expect(refused).toMatchObject({ code: 'QUEUE_FULL', retriable: true })
  engine.finish()
  await running
  const next = batcher.run({ ...one, rows: [row(50), row(50)] })
  expect((await rejection(batcher.run({ ...one, rows: [row(1)] }))).code).toBe('QUEUE_FULL')
  engine.finish()
  await waiting
  await settled()
  engine.finish()
  expect(await next).toHaveLength(2)
})

test('a row that waited too long is not run any more', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher, clock } = open(engine, { waitMs: 50 })
  const running = batcher.run({ ...one, rows: [tokens(0)] })
  const late = rejection(batcher.run({ ...one, rows: [tokens(1)] }))
  await clock.advance(51)
  engine.finish()
  expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', retriable: true })
  await running
  expect(engine.runs).toHaveLength(1)
})

test('a client that is gone leaves the queue before its rows run', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine)
  const gone = new AbortController()
  const running = batcher.run({ ...one, rows: [tokens(0)] })
  const dropped = batcher.run({ ...one, rows: [tokens(1)], signal: gone.signal })
  const kept = batcher.run({ ...one, rows: [tokens(2)] })
  gone.abort(new Error('gone'))
  await expect(dropped).rejects.toThrow('gone')
  engine.finish()
  await settled()
  engine.finish()
  await Promise.all([running, kept])
  expect(engine.runs[1]?.map(({ encoded }) => encoded)).toEqual([tokens(2)])
})

test('an aborted request settles only when the engine works on none of its rows', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine, { rowsPerRun: 1 })
  const gone = new AbortController()
  const rows = [tokens(0), tokens(1)]
  let settledYet = false
  const running = batcher.run({ ...one, rows, signal: gone.signal }).catch(() => {
    settledYet = true
  })
  gone.abort(new Error('gone'))
  await settled()
  expect(settledYet).toBe(false)
  engine.finish()
  await running
  expect(engine.runs).toHaveLength(1)
})

test('a run that fails fails its own requests, and the next run goes on', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine)
  const failing = rejection(batcher.run({ ...one, rows: [tokens(0)] }))
  const next = batcher.run({ ...one, rows: [tokens(1)] })
  engine.finish(failure('ENGINE_FAILED', 'the worker ended'))
  expect(await failing).toMatchObject({ code: 'ENGINE_FAILED' })
  engine.finish()
  expect(await next).toHaveLength(1)
})

test('closing fails what waits, lets what runs end, and refuses what comes', async () => {
  const engine = await openEngine(1)
  engine.hold()
  const { batcher } = open(engine)
  const running = batcher.run({ ...one, rows: [tokens(0)] })
  const waiting = rejection(batcher.run({ ...one, rows: [tokens(1)] }))
  const closed = batcher.close()
  expect(await waiting).toMatchObject({ code: 'SHUTTING_DOWN' })
  expect(await rejection(batcher.run({ ...one, rows: [tokens(2)] }))).toMatchObject({
    code: 'SHUTTING_DOWN',
  })
  engine.finish()
  await closed
  expect(await running).toHaveLength(1)
})

test('whatever comes together, each row gets its own answer, in order, in runs within the bounds', async () => {
  const engine = await openEngine(1, 2, 3)
  const request = fc.record({
    model: fc.constantFrom('a', 'b'),
    version: fc.integer({ min: 1, max: 3 }),
    ids: fc.array(fc.nat(10_000), { maxLength: 9 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { maxLength: 12 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
      async (requests, lanes, rowsPerRun) => {
        const before = engine.runs.length
        const { batcher } = open(engine, { lanes, rowsPerRun, queue: 1000 })
        const answers = await Promise.all(
          requests.map(({ model, version, ids }) => {
            const rows = ids.map((id) => tokens(id))
            return batcher.run({ model, adapter: `digest-v${version}`, rows })
          }),
        )
        const expected = requests.map(({ version, ids }) =>
          ids.map((id) => Float32Array.from([version, id])),
        )
        expect(answers).toEqual(expected)
        const runs = engine.runs.slice(before)
        for (const rows of runs) expect(rows.length).toBeLessThanOrEqual(rowsPerRun)
        const ran = runs.reduce((sum, rows) => sum + rows.length, 0)
        expect(ran).toBe(requests.reduce((sum, { ids }) => sum + ids.length, 0))
      },
    ),
    { numRuns: runs(50) },
  )
})

test('inputs that are prepared wait within a bound of bytes, and a lone one always may', async () => {
  const { batcher } = open(await openEngine(1), { queueBytes: 12 })
  const ending: (() => void)[] = []
  const base = { prepare: async () => new Promise<void>((resolve) => ending.push(resolve)) }
  const picture = (characters: number) => [{ kind: 'image', image: 'x'.repeat(characters) }]
  const large = prepared({ base, maxTokens: 1 }, picture(50), { room: batcher })
  expect(
    (await rejection(prepared({ base, maxTokens: 1 }, picture(1), { room: batcher }))).code,
  ).toBe('QUEUE_FULL')
  ending.pop()?.()
  await large
  const failing = { prepare: async () => Promise.reject(failure('IMAGE_INVALID', 'torn')) }
  const { code, details } = await rejection(
    prepared({ base: failing, maxTokens: 1 }, picture(5), { room: batcher }),
  )
  expect([code, details.index]).toEqual(['IMAGE_INVALID', 0])
  const both = [
    prepared({ base, maxTokens: 1 }, picture(1), { room: batcher }),
    prepared({ base, maxTokens: 1 }, picture(1), { room: batcher }),
  ]
  expect(
    (await rejection(prepared({ base, maxTokens: 1 }, picture(1), { room: batcher }))).code,
  ).toBe('QUEUE_FULL')
  for (const end of ending) end()
  await Promise.all(both)
  // What stands in a field counts as what stands alone.
  const nested = [{ kind: 'fields', fields: { photo: { image: 'x'.repeat(50) } } }]
  const held = prepared({ base, maxTokens: 1 }, nested, { room: batcher })
  expect(
    (await rejection(prepared({ base, maxTokens: 1 }, picture(1), { room: batcher }))).code,
  ).toBe('QUEUE_FULL')
  ending.at(-1)?.()
  await held
})

test('a caller that goes while its inputs are prepared leaves at once, and its room is free when the work has ended', async () => {
  const { batcher } = open(await openEngine(1), { queueBytes: 12 })
  const signals: (AbortSignal | undefined)[] = []
  let end: (() => void) | undefined
  const base = {
    async prepare(_input: Input, _maxTokens: number, signal?: AbortSignal) {
      signals.push(signal)
      return new Promise<void>((resolve) => (end = resolve))
    },
  }
  const inputs = [{ kind: 'image', image: 'x'.repeat(12) }]
  const gone = new AbortController()
  const parts = { base, maxTokens: 1 }
  const left = prepared(parts, inputs, { room: batcher, signal: gone.signal })
  gone.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  expect(signals[0]?.aborted).toBe(true)
  expect((await rejection(prepared(parts, inputs, { room: batcher }))).code).toBe('QUEUE_FULL')
  end?.()
  await new Promise(setImmediate)
  const next = prepared(parts, inputs, { room: batcher })
  end?.()
  await next
})
