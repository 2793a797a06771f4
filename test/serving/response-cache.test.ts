import { expect, test } from 'vitest'
import { openBatcher } from '../../src/serving/engine/batcher.ts'
import { openResponseCache } from '../../src/serving/engine/response-cache.ts'
import { openFakeClock } from './fake-clock.ts'
import { openFakeEngine, tokens } from './fake-engine.ts'
import { versionOf } from './fake-registry.ts'

async function open(bytes: number) {
  const engine = openFakeEngine()
  for (const number of [1, 2]) await engine.load(`digest-v${number}`, versionOf('m', number))
  const seen = { hit: 0, miss: 0, bytes: 0 }
  const metrics = {
    observe: () => {},
    count: (name: string, labels: Readonly<Record<string, string>>, by = 1) => {
      if (name === 'responseCache') seen[labels.result as 'hit' | 'miss'] += by
    },
    gauge: (name: string, _labels: object, value: number) => {
      if (name === 'responseCacheBytes') seen.bytes = value
    },
  }
  const limits = { lanes: 1, rowsPerRun: 4, queue: 100, waitMs: 1000 }
  const batcher = openBatcher({ engine, clock: openFakeClock(), metrics, ...limits })
  const cache = openResponseCache({ bytes, metrics })
  return { engine, seen, cache, batcher, cached: cache.over(batcher, 'base') }
}

const v1 = { model: 'm', adapter: 'digest-v1' }
const v2 = { model: 'm', adapter: 'digest-v2' }

test('an input that comes again is answered without the engine, with the same numbers', async () => {
  const { engine, cached, seen } = await open(1e6)
  const first = await cached.run({ ...v1, rows: [tokens(7), tokens(8)] })
  const again = await cached.run({ ...v1, rows: [tokens(8), tokens(9), tokens(7)] })
  expect(again).toEqual([first[1], Float32Array.from([1, 9]), first[0]])
  expect(engine.runs.flat()).toHaveLength(3)
  expect(seen).toMatchObject({ hit: 2, miss: 3 })
})

test('another version, another base or another kind of row is another answer', async () => {
  const { batcher, cache, cached, engine } = await open(1e6)
  await cached.run({ ...v1, rows: [tokens(7)] })
  expect(await cached.run({ ...v2, rows: [tokens(7)] })).toEqual([Float32Array.from([2, 7])])
  await cache.over(batcher, 'another').run({ ...v1, rows: [tokens(7)] })
  expect(engine.runs).toHaveLength(3)
})

test('it stays within its bytes, and evicts what was not asked for longest', async () => {
  const { cached, engine, seen } = await open(2 * (256 + 8))
  for (const id of [1, 2, 1, 3]) await cached.run({ ...v1, rows: [tokens(id)] })
  expect(seen.bytes).toBe(2 * (256 + 8))
  const before = engine.runs.length
  await cached.run({ ...v1, rows: [tokens(1), tokens(3)] })
  expect(engine.runs).toHaveLength(before)
  await cached.run({ ...v1, rows: [tokens(2)] })
  expect(engine.runs).toHaveLength(before + 1)
})

test('a caller that changes its answer changes no other', async () => {
  const { cached } = await open(1e6)
  const rows = [tokens(7)]
  for (let time = 0; time < 3; time += 1) {
    const [logits] = await cached.run({ ...v1, rows })
    expect([...logits!]).toEqual([1, 7])
    logits!.fill(0)
  }
})

test('answers that are no numbers are not kept', async () => {
  const { cached, engine } = await open(1e6)
  engine.spoil('v1', 'not finite')
  await cached.run({ ...v1, rows: [tokens(7)] })
  engine.spoil('v1', undefined)
  expect(await cached.run({ ...v1, rows: [tokens(7)] })).toEqual([Float32Array.from([1, 7])])
})

test('a request that was aborted gets no answer, whatever the cache has', async () => {
  const { cached } = await open(1e6)
  await cached.run({ ...v1, rows: [tokens(7)] })
  const signal = AbortSignal.abort(new Error('gone'))
  await expect(cached.run({ ...v1, rows: [tokens(7)], signal })).rejects.toThrow('gone')
})
