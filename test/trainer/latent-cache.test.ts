import { asKey, identified } from '../example-key.ts'
import { expect, test } from 'vitest'
import type { TrunkEngine } from '../../src/contracts/base.ts'
import type { Example } from '../../src/contracts/example.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { LatentCache, LatentProvider } from '../../src/trainer/sources/latents.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { instantClock, silentLog } from './world.ts'

/** A latent is two numbers, 8 bytes: the example's and its double. */
function countingTrunk(fails: (value: number) => boolean = () => false) {
  const computed: number[] = []
  const trunk: TrunkEngine = {
    encode: async (rows) =>
      rows.map((row) => {
        const value = row.data[0]!
        if (fails(value)) throw failure('ENGINE_FAILED', `cannot compute ${value}`)
        computed.push(value)
        return { positions: 1, width: 2, data: Float32Array.of(value, 2 * value) }
      }),
    close: async () => {},
  }
  return { trunk, computed }
}

function example(value: number, key = `k${value}`): Example {
  const encoded = { data: Float32Array.of(value) }
  return {
    ...identified('s', key),
    key: asKey(key),
    encoded,
    target: { kind: 'label', label: 'a' },
    weight: 1,
  }
}

const never = new AbortController().signal

test('an example goes through the trunk once', async () => {
  const { trunk, computed } = countingTrunk()
  const latents = new LatentCache(trunk, 1000)
  await latents.of([example(1), example(2)])
  const again = await latents.of([example(2), example(1), example(2)])
  expect(computed).toEqual([1, 2])
  expect([...again.keys()].toSorted()).toEqual(['k1', 'k2'])
  expect(latents.bytes).toBe(16)
})

test('the bytes are bounded, the least recently used go first, and what went is computed again', async () => {
  const { trunk, computed } = countingTrunk()
  const latents = new LatentCache(trunk, 16)
  await latents.of([example(1)])
  await latents.of([example(2)])
  await latents.of([example(1)])
  await latents.of([example(3)])
  expect(latents.bytes).toBe(16)
  await latents.of([example(1)])
  expect(computed).toEqual([1, 2, 3])
  const found = await latents.of([example(2)])
  expect(computed).toEqual([1, 2, 3, 2])
  expect(found.get(asKey('k2'))?.data).toEqual(Float32Array.of(2, 4))
})

test('one latent larger than the cache is answered and not kept', async () => {
  const { trunk } = countingTrunk()
  const latents = new LatentCache(trunk, 4)
  expect((await latents.of([example(1)])).size).toBe(1)
  expect(latents.bytes).toBe(0)
})

test('a key that comes again with another input gets the latent of that input', async () => {
  const { trunk } = countingTrunk()
  const latents = new LatentCache(trunk, 1000)
  await latents.of([example(1, 'same')])
  const found = await latents.of([example(5, 'same')])
  expect(found.get(asKey('same'))?.data).toEqual(Float32Array.of(5, 10))
  expect(latents.bytes).toBe(8)
})

test('what is wanted no more is dropped, and bytes are counted for what is left', async () => {
  const { trunk, computed } = countingTrunk()
  const latents = new LatentCache(trunk, 1000)
  await latents.of([example(1), example(2), example(3)])
  latents.keepOnly([example(2)])
  expect(latents.bytes).toBe(8)
  await latents.of([example(2), example(1)])
  expect(computed).toEqual([1, 2, 3, 1])
})

test('where the trunk answers at once nothing is kept', async () => {
  const { trunk } = countingTrunk()
  const data = Float32Array.of(7)
  const encodeNow = () => ({ positions: 1, width: 1, data })
  const latents = new LatentCache({ ...trunk, encodeNow }, 1000)
  expect(latents.now(example(1))?.data).toBe(data)
  expect((await latents.of([example(1), example(2)])).size).toBe(2)
  expect(latents.bytes).toBe(0)
})

function supplyOf(trunk: TrunkEngine) {
  const jitter = openRandom(1, 'jitter')
  const retry = new RetryPolicy({ clock: instantClock, log: silentLog, jitter })
  return new LatentProvider(new LatentCache(trunk, 0), retry)
}

test('an input that the engine cannot compute is refused when another one can be computed', async () => {
  const supply = supplyOf(countingTrunk((value) => value === 13).trunk)
  await supply.first(example(1), never)
  await expect(supply.first(example(13), never)).rejects.toMatchObject({
    code: 'ENGINE_FAILED',
    retriable: false,
  })
  expect((await supply.first(example(2), never)).size).toBe(1)
})

test('while the engine is down no input is refused: it is waited for', async () => {
  let failures = 20
  const supply = supplyOf(countingTrunk(() => (failures -= 1) > 0).trunk)
  expect((await supply.first(example(1), never)).size).toBe(1)
  failures = 50
  expect((await supply.first(example(2), never)).size).toBe(1)
  failures = 30
  expect((await supply.all([example(3), example(4)], never)).size).toBe(2)
})

test('waiting for the engine ends with the signal', async () => {
  const supply = supplyOf(countingTrunk(() => true).trunk)
  const stop = new AbortController()
  const waiting = supply.first(example(1), stop.signal)
  stop.abort(new Error('stopping'))
  await expect(waiting).rejects.toThrow('stopping')
})

test('in f16 twice as many fit, and a latent is the same before it is kept, from the cache, and computed again', async () => {
  const { trunk } = countingTrunk()
  const latents = new LatentCache(trunk, 8, 'f16')
  const odd = example(1 / 3)
  const [first] = (await latents.of([odd])).values()
  expect(latents.bytes).toBe(4)
  expect(first!.data).toEqual(Float32Array.of(0.333251953125, 0.66650390625))
  const [again] = (await latents.of([odd])).values()
  latents.forget(odd.key)
  const ahead = await latents.ahead(odd.encoded)
  latents.keep(odd, ahead)
  for (const other of [again, ahead, latents.now(odd)]) expect(other).toEqual(first)
})

test('a latent with a number that f16 does not have stays as it is', async () => {
  const { trunk } = countingTrunk()
  const latents = new LatentCache(trunk, 100, 'f16')
  const [large] = (await latents.of([example(40_000.1)])).values()
  expect(large!.data).toEqual(Float32Array.of(40_000.1, 80_000.2))
  expect(latents.bytes).toBe(8)
})
