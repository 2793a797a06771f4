import { expect, onTestFinished, test } from 'vitest'
import type { DrawnToken } from '../../src/nn/onnx/decoding/sample.ts'
import { failure } from '../../src/platform/errors.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import {
  DecodeScheduler,
  PROMPT_PART,
  type SchedulerLimits,
} from '../../src/serving/engine/decode-scheduler.ts'
import type { TextRequest } from '../../src/serving/engine/text-queue.ts'
import { rejection, thrown } from '../coded.ts'
import { openFakeClock, settled } from './fake-clock.ts'
import { openFakeDecoder } from './fake-decoder.ts'

const END = 0

const ample: SchedulerLimits = {
  generation_texts: 8,
  generation_queue: 64,
  generation_queue_tokens: 10_000,
  generation_cache_bytes: 1024 ** 3,
}

function open(limits: Partial<SchedulerLimits> = {}) {
  const engine = openFakeDecoder()
  const metrics = openMetrics()
  onTestFinished(() => metrics.close())
  const options = { base: 'tiny', engine, limits: { ...ample, ...limits }, clock: openFakeClock() }
  return { engine, metrics, scheduler: new DecodeScheduler({ ...options, metrics }) }
}

function asked(prompt: readonly number[], more: Partial<TextRequest> = {}): TextRequest {
  return {
    model: 'm',
    adapter: 'a1',
    prompt: Int32Array.from(prompt),
    maxTokens: 4,
    sampling: { temperature: 0, topP: 1 },
    ends: [END],
    draws: [openRandom(1, 'draws')],
    signal: new AbortController().signal,
    ...more,
  }
}

async function read(stream: AsyncIterable<DrawnToken>): Promise<number[]> {
  const tokens: number[] = []
  for await (const { token } of stream) tokens.push(token)
  return tokens
}

test('a text ends after its most tokens, or with a token that ends it', async () => {
  const { scheduler, engine } = open()
  const [most, ended] = [asked([5]), asked([97])].map((request) => scheduler.run(request)[0]!)
  expect(await read(most!)).toEqual([6, 7, 8, 9])
  expect(await read(ended!)).toEqual([98, 99, END])
  expect([...engine.forgotten].sort()).toEqual([1, 2])
})

test('texts join and leave a batch between its steps, and versions that share a graph share it', async () => {
  const { scheduler, engine } = open()
  engine.hold()
  const first = read(scheduler.run(asked([1], { maxTokens: 5 }))[0]!)
  await settled()
  await engine.finish()
  const second = read(scheduler.run(asked([50], { adapter: 'a2', maxTokens: 2 }))[0]!)
  const alone = read(scheduler.run(asked([80], { adapter: 'b1', maxTokens: 2 }))[0]!)
  await engine.finish(30)
  expect(await Promise.all([first, second, alone])).toEqual([
    [2, 3, 4, 5, 6],
    [51, 52],
    [81, 82],
  ])
  const shared = engine.steps.filter((rows) => rows.length === 2)
  expect(shared.map((rows) => rows.map(({ adapter }) => adapter))).toEqual([['a1', 'a2']])
})

test('a long prompt is read in parts, and the other texts go on between them', async () => {
  const { scheduler, engine } = open()
  engine.hold()
  const short = read(scheduler.run(asked([1], { maxTokens: 6 }))[0]!)
  await settled()
  await engine.finish(2)
  const prompt = Array.from({ length: PROMPT_PART * 2 + 5 }, () => 7)
  const long = read(scheduler.run(asked(prompt, { maxTokens: 1 }))[0]!)
  await engine.finish(30)
  expect(await short).toEqual([2, 3, 4, 5, 6, 7])
  expect(await long).toEqual([8])
  const order = engine.steps.map((rows) => rows[0]!.ids.length)
  expect(order).toEqual([1, 1, 1, PROMPT_PART, 1, PROMPT_PART, 1, 5, 1])
  const parts = engine.steps.filter(([row]) => row!.ids[0] === 7 && row!.sequence === 2)
  expect(parts.map(([row]) => [row!.from, row!.sampling !== undefined])).toEqual([
    [0, false],
    [PROMPT_PART, false],
    [2 * PROMPT_PART, true],
  ])
})

const promptOf = (length: number) => Array.from({ length }, () => 7)

test('short prompts are answered while a long one is read', async () => {
  const { scheduler, engine } = open()
  const order: string[] = []
  const run = async (name: string, prompt: readonly number[]) => {
    await read(scheduler.run(asked(prompt, { maxTokens: 1 }))[0]!)
    order.push(name)
  }
  const long = run('long', promptOf(PROMPT_PART * 40))
  engine.hold()
  await settled()
  await engine.finish(2)
  const others = [run('middle', promptOf(PROMPT_PART * 3)), run('short', [1])]
  await engine.finish(60)
  await Promise.all([long, ...others])
  expect(order).toEqual(['short', 'middle', 'long'])
})

test('a long prompt is read to its end, however many short ones come', async () => {
  const { scheduler, engine } = open({ generation_texts: 2 })
  const long = read(scheduler.run(asked(promptOf(PROMPT_PART * 5), { maxTokens: 1 }))[0]!)
  const short = Array.from({ length: 50 }, () => asked([1], { maxTokens: 1 }))
  await Promise.all([long, ...short.map((request) => read(scheduler.run(request)[0]!))])
  const parts = engine.steps.flatMap(([row], at) => (row!.sequence === 1 ? [at] : []))
  expect(parts).toEqual([3, 7, 11, 15, 19])
})

test('models take turns in the queue', async () => {
  const { scheduler, engine } = open({ generation_texts: 1 })
  const order: number[] = []
  const run = async (model: string, from: number) => {
    for await (const { token } of scheduler.run(asked([from], { model, maxTokens: 1 }))[0]!)
      order.push(token)
  }
  await Promise.all([run('busy', 1), run('busy', 2), run('busy', 3), run('calm', 50)])
  expect(order).toEqual([2, 51, 3, 4])
  expect(Math.max(...engine.steps.map((rows) => rows.length))).toBe(1)
})

test('what finds no room in the queue is refused, by texts and by tokens', async () => {
  const { scheduler, engine } = open({ generation_queue: 2, generation_queue_tokens: 20 })
  engine.hold()
  const running = scheduler.run(asked([1]))
  await settled()
  const many = asked([1], { draws: [1, 2, 3].map((seed) => openRandom(seed, 'draws')) })
  expect(thrown(() => scheduler.run(many))).toMatchObject({ code: 'QUEUE_FULL' })
  scheduler.run(asked([1], { maxTokens: 15 }))
  expect(scheduler.waiting('m')).toBe(1)
  const big = asked([1], { maxTokens: 10 })
  expect(thrown(() => scheduler.run(big))).toMatchObject({ code: 'QUEUE_FULL' })
  scheduler.run(asked([1], { maxTokens: 3 }))
  expect(scheduler.waiting('m')).toBe(2)
  await engine.finish(60)
  expect(await read(running[0]!)).toEqual([2, 3, 4, 5])
  expect(scheduler.waiting('m')).toBe(0)
})

test('no more keys and values are kept than allowed, and one text may always run', async () => {
  const { scheduler, engine } = open({ generation_cache_bytes: 2 * 128 * 1024 })
  const texts = [200, 100, 100, 100].map((maxTokens, at) =>
    scheduler.run(asked([at * 10 + 1], { maxTokens, ends: [] })),
  )
  await Promise.all(texts.map(([stream]) => read(stream!)))
  const sizes = engine.steps.map((rows) => rows.length)
  expect(sizes.slice(0, 200)).toEqual(Array.from({ length: 200 }, () => 1))
  expect(Math.max(...sizes)).toBe(2)
})

test('an aborted text leaves its batch or the queue, and the others go on', async () => {
  const { scheduler, engine } = open({ generation_texts: 2 })
  engine.hold()
  const [stop, stopQueued] = [new AbortController(), new AbortController()]
  const ended = rejection(read(scheduler.run(asked([1], { signal: stop.signal }))[0]!))
  const other = read(scheduler.run(asked([20]))[0]!)
  const queued = rejection(read(scheduler.run(asked([40], { signal: stopQueued.signal }))[0]!))
  await settled()
  await engine.finish(4)
  stop.abort(failure('REQUEST_INVALID', 'gone'))
  stopQueued.abort(failure('REQUEST_INVALID', 'gone too'))
  await engine.finish(20)
  expect([await ended, await queued]).toMatchObject([{ message: 'gone' }, { message: 'gone too' }])
  expect(await other).toEqual([21, 22, 23, 24])
  expect(engine.steps.flat().some(({ sequence }) => sequence === 3)).toBe(false)
  expect([scheduler.running('m'), scheduler.waiting('m')]).toEqual([0, 0])
})

test('a reader that stops early frees the place of its text', async () => {
  const { scheduler, engine } = open({ generation_texts: 1 })
  for await (const { token } of scheduler.run(asked([1], { maxTokens: 1000, ends: [] }))[0]!)
    if (token === 5) break
  expect(await read(scheduler.run(asked([20]))[0]!)).toEqual([21, 22, 23, 24])
  expect(engine.forgotten).toEqual([1, 2])
})

test('a step that fails, or a number that is not finite, fails its own texts alone', async () => {
  const { scheduler, engine } = open()
  const [bad, good] = [asked([65], { adapter: 'broken' }), asked([20])].map(
    (request) => scheduler.run(request)[0]!,
  )
  expect(await rejection(read(bad!))).toMatchObject({
    code: 'ENGINE_FAILED',
    details: { fault: 'not_finite' },
  })
  expect(await read(good!)).toEqual([21, 22, 23, 24])
  engine.fail(new Error('out of memory'))
  const failed = await rejection(read(scheduler.run(asked([1]))[0]!))
  expect(failed).toMatchObject({ code: 'ENGINE_FAILED' })
  engine.fail(undefined)
  expect(await read(scheduler.run(asked([30]))[0]!)).toEqual([31, 32, 33, 34])
})

test('random numbers of a text do not depend on the others', async () => {
  const draws = async (others: number) => {
    const { scheduler, engine } = open()
    const own = asked([1], { draws: [openRandom(7, 'own')] })
    const texts = [...Array.from({ length: others }, () => asked([50])), own]
    await Promise.all(texts.map((request) => read(scheduler.run(request)[0]!)))
    return engine.steps
      .flat()
      .filter(({ sequence }) => sequence === others + 1)
      .map(({ sampling }) => sampling?.draw)
  }
  expect(await draws(3)).toEqual(await draws(0))
})

test('at the end texts that are not done fail, and new ones are refused', async () => {
  const { scheduler, engine } = open({ generation_texts: 1 })
  engine.hold()
  const texts = [1, 2].map((from) => rejection(read(scheduler.run(asked([from]))[0]!)))
  await settled()
  const closed = scheduler.close()
  await engine.finish(5)
  await closed
  expect((await Promise.all(texts)).map((error) => (error as { code: string }).code)).toEqual([
    'SHUTTING_DOWN',
    'SHUTTING_DOWN',
  ])
  expect(thrown(() => scheduler.run(asked([1])))).toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('a prompt is read from where the kept one ends, and at least its last two tokens are', async () => {
  const { scheduler, engine, metrics } = open()
  const parts = () => engine.steps.flat().map(({ from, ids }) => [from, ids.length])
  const cached: number[] = []
  const run = async (length: number, kept: number, more: Partial<TextRequest> = {}) => {
    engine.keep(kept)
    engine.steps.length = 0
    const onPrompt = (count: number) => cached.push(count)
    const request = asked(promptOf(length), { maxTokens: 1, onPrompt, ...more })
    await Promise.all(scheduler.run(request).map(async (stream) => read(stream)))
    return parts()
  }
  const part = PROMPT_PART
  expect(await run(part * 2, part + 3)).toEqual([[part + 3, part - 3]])
  expect(await run(10, 99)).toEqual([[8, 2]])
  expect(await run(2, 99)).toEqual([[0, 2]])
  expect(await run(1, 99)).toEqual([[0, 1]])
  expect(await run(part * 2 + 1, 0)).toEqual([
    [0, part],
    [part, part + 1],
  ])
  const draws = [1, 2].map((seed) => openRandom(seed, 'draws'))
  expect(await run(10, 4, { draws })).toEqual([
    [4, 6],
    [4, 6],
  ])
  expect(await run(10, 4, { scored: true })).toEqual([[0, 10]])
  expect(cached).toEqual([part + 3, 8, 0, 0, 0, 4, 0])
  const total = part + 3 + 8 + 4 + 4
  expect(await metrics.text()).toContain(`cached_prompt_tokens_total{model="m"} ${total}\n`)
})

test('a text that ends while its prefix is looked for is never read, and one that fails then fails alone', async () => {
  const { scheduler, engine } = open()
  engine.hold()
  const stop = new AbortController()
  const gone = rejection(read(scheduler.run(asked([1, 2, 3, 4], { signal: stop.signal }))[0]!))
  await settled()
  stop.abort(failure('REQUEST_INVALID', 'gone'))
  await engine.finish()
  expect(await gone).toMatchObject({ message: 'gone' })
  expect([engine.steps, engine.forgotten]).toEqual([[], [1]])
  const failing = rejection(read(scheduler.run(asked([1, 2, 3, 4]))[0]!))
  engine.fail(new Error('the thread died'))
  await settled()
  await engine.finish()
  expect(await failing).toMatchObject({ code: 'ENGINE_FAILED' })
  engine.fail(undefined)
  const next = read(scheduler.run(asked([20, 21, 22]))[0]!)
  await settled()
  await engine.finish(20)
  expect(await next).toEqual([23, 24, 25, 26])
})
