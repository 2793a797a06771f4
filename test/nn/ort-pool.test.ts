import { expect, onTestFinished, test } from 'vitest'
import type { Feeds } from '../../src/nn/onnx/session.ts'
import { openOrtPool, type OrtPoolOptions } from '../../src/nn/onnx/pool.ts'
import type { OrtThread } from '../../src/nn/onnx/thread.ts'
import { recordGraph } from '../../src/nn/record.ts'

/** y = x · w + p, w frozen and p the adapter's. */
const small = () =>
  recordGraph({
    weights: new Map([['w', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
    paramRanks: new Map([['p', 1]]),
    build: (ops, graph) => ({
      y: ops.add(
        ops.matMul(graph.input('x', 'float32', ['b', 's', 2]), ops.weight('w')),
        ops.param('p'),
      ),
    }),
  })

/** Enough products that a thread is busy with it for a good while. */
const long = () =>
  recordGraph({
    weights: new Map([['w', { shape: [512, 512], data: new Float32Array(512 * 512).fill(1e-3) }]]),
    build(ops, graph) {
      let y = graph.input('x', 'float32', ['b', 's', 512])
      for (let at = 0; at < 40; at += 1) y = ops.matMul(y, ops.weight('w'))
      return { y }
    },
  })
const longFeeds: Feeds = { x: { shape: [1, 512, 512], data: new Float32Array(512 * 512).fill(1) } }

const shift = (...values: number[]): Feeds => ({
  'param/p': { shape: [2], data: Float32Array.from(values) },
})

const feeds = (...adapters: number[]): Feeds => ({
  x: { shape: [adapters.length, 1, 2], data: new Float32Array(adapters.length * 2).fill(1) },
  row_adapter: { shape: [adapters.length], data: Int32Array.from(adapters) },
})

/**
 * Sends what a thread cannot read, of which it dies in its turn. Not `terminate()`, which aborts the process when the thread
 * is inside the runtime just then.
 */
function poison({ worker }: OrtThread): void {
  worker.postMessage(null)
}

function open(options: Partial<OrtPoolOptions> = {}) {
  const threads: OrtThread[] = []
  const faults: Error[] = []
  const pool = openOrtPool({
    workers: 1,
    ...options,
    onStart(thread) {
      threads.push(thread)
      options.onStart?.(thread)
    },
    onCrash: (fault) => faults.push(fault),
  })
  onTestFinished(() => pool.close())
  const y = async (held: readonly string[], rows: Feeds) => {
    const outputs = await pool.run({ session: 'small', held, feeds: rows })
    return [...outputs.y!.data]
  }
  return { pool, threads, faults, y }
}

test('rows of one run take their own adapters out of those that the workers hold', async () => {
  const { pool, y } = open({ workers: 2 })
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  await pool.hold('b', shift(-1, -2))
  expect(await y(['a', 'b'], feeds(1, 0, 1))).toEqual([3, 4, 14, 26, 3, 4])
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
})

test('a session is recorded once, however often it is asked for', async () => {
  const { pool } = open()
  let recorded = 0
  const record = () => {
    recorded += 1
    return small()
  }
  await Promise.all([pool.addSession('small', record), pool.addSession('small', record)])
  expect(recorded).toBe(1)
})

test('a run does not block the main thread', async () => {
  const { pool } = open()
  await pool.addSession('long', long)
  let turns = 0
  const timer = setInterval(() => (turns += 1), 1)
  // Somebody else may have the processor for the whole of a run, but not of every one.
  for (let runs = 0; runs < 50 && turns <= 2; runs += 1) {
    turns = 0
    await pool.run({ session: 'long', feeds: longFeeds })
  }
  clearInterval(timer)
  expect(turns).toBeGreaterThan(2)
})

test('a thread that dies is replaced, gets everything again, and its run is answered', async () => {
  const { pool, threads, faults, y } = open()
  await pool.addSession('small', small)
  await pool.addSession('long', long)
  await pool.hold('a', shift(10, 20))
  poison(threads[0]!)
  const running = pool.run({ session: 'long', feeds: longFeeds })
  const behind = y(['a'], feeds(0))
  expect((await running).y!.shape).toEqual([1, 512, 512])
  expect(await behind).toEqual([14, 26])
  expect(threads).toHaveLength(2)
  expect(faults).toHaveLength(1)
})

test('a thread that dies idle is replaced at once', async () => {
  const { pool, threads, y } = open()
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  poison(threads[0]!)
  await expect.poll(() => threads.length).toBe(2)
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
})

test('a thread that dies before it ever answered is started again only when it is needed', async () => {
  const { pool, threads, faults, y } = open()
  poison(threads[0]!)
  await expect.poll(() => faults.length).toBe(1)
  expect(threads).toHaveLength(1)
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
  expect(threads).toHaveLength(2)
})

test('a run whose thread dies twice is ENGINE_FAILED, and the next one is answered', async () => {
  let deadly = 0
  const { pool, threads, y } = open({
    onStart(thread) {
      if (deadly > 0) poison(thread)
      deadly -= 1
    },
  })
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  deadly = 1
  poison(threads[0]!)
  const failing = y(['a'], feeds(0))
  await expect(failing).rejects.toMatchObject({ code: 'ENGINE_FAILED', retriable: true })
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
})

test('feeds that do not fit fail with ENGINE_FAILED and leave the thread alive', async () => {
  const { pool, threads, y } = open()
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  const wrong = { ...feeds(0), x: { shape: [1, 1, 3], data: new Float32Array(3) } }
  await expect(y(['a'], wrong)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
  expect(threads).toHaveLength(1)
})

test('an adapter that was dropped is not found any more, after the runs that were sent before', async () => {
  const { pool, y } = open()
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  const before = y(['a'], feeds(0))
  pool.drop('a')
  expect(await before).toEqual([14, 26])
  await expect(y(['a'], feeds(0))).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
})

test('a model that the runtime refuses fails with its reason, and may be added again', async () => {
  const { pool, y } = open()
  const torn = () => new Uint8Array(new SharedArrayBuffer(8)).fill(255)
  await expect(pool.addSession('small', torn)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  expect(await y(['a'], feeds(0))).toEqual([14, 26])
})

test('closing answers what is in flight and refuses what comes after', async () => {
  const { pool, y } = open()
  await pool.addSession('small', small)
  await pool.hold('a', shift(10, 20))
  const last = y(['a'], feeds(0))
  const closed = pool.close()
  await expect(y(['a'], feeds(0))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  expect(await last).toEqual([14, 26])
  await closed
  await pool.close()
})

test('closing waits for a thread that is still given everything again', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { pool, threads } = open()
    await pool.addSession('long', long)
    poison(threads[0]!)
    await expect.poll(() => threads.length).toBe(2)
    await pool.close()
  }
})
