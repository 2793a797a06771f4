/** Texts as the surfaces get them: in parts and whole, on the version that they began with, stored when they are done. */
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import type { GenerateRequest, TextPart } from '../../src/serving/services/generation/contract.ts'
import {
  openGenerationService,
  type GenerationOptions,
} from '../../src/serving/services/generation/generation-service.ts'
import type { DrawnToken } from '../../src/nn/onnx/decoding/sample.ts'
import { TokenStream } from '../../src/serving/engine/text-queue.ts'
import { rejection } from '../coded.ts'
import { openFakeClock, settled } from './fake-clock.ts'
import { fakeLanguage, openFakeWriting } from './fake-writing.ts'
import { openLive } from './open-live.ts'

interface Opened {
  readonly live?: Parameters<typeof openLive>[0]
  readonly writing?: Partial<GenerationOptions>
  readonly limits?: Parameters<typeof openFakeWriting>[1]
  /** What stands before the first text of each request. */
  readonly first?: (text: AsyncIterableIterator<DrawnToken>) => AsyncIterableIterator<DrawnToken>
}

async function open(more: Opened = {}) {
  const parts = await openLive(more.live)
  const { live, registry, clock, metrics, served } = parts
  await live.swap(await registry.promote('v1'))
  onTestFinished(() => metrics.close())
  const { decoder, scheduler, ...writing } = openFakeWriting({ clock, metrics }, more.limits)
  let ids = 0
  const service = openGenerationService({
    ...{ ...writing, model: 'm' },
    scheduler: {
      readTokens: async () => scheduler.readTokens(),
      run: (request) =>
        scheduler.run(request).map((text, at) => (at === 0 ? (more.first?.(text) ?? text) : text)),
    },
    live,
    predictions: { record: (more) => void served.push(...more) },
    predictionId: () => `p-${(ids += 1)}`,
    until: async () => Promise.resolve(),
    versions: { liveAt: async () => (await registry.history(1))[0]! },
    limits: { answer_tokens: 50 },
    clock: openFakeClock(),
    metrics,
    ...more.writing,
  })
  return { ...parts, decoder, scheduler, service }
}

const signal = () => new AbortController().signal
const ask = (text: string, more: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...{ inputs: [{ kind: 'text', text }], n: 1, signal: signal() },
  ...more,
})

async function read(parts: AsyncIterable<TextPart>): Promise<readonly TextPart[]> {
  const all: TextPart[] = []
  for await (const part of parts) all.push(part)
  return all
}

test('a text comes in parts, and is stored whole under its id when it is done', async () => {
  const { service, served } = await open()
  const { manifest, generation, choices, promptTokens, parts } = await service.generate(
    ask('hi', { traceparent: '00-trace' }),
  )
  expect([manifest.version, generation, promptTokens, choices]).toEqual([
    'v1',
    1,
    2,
    [{ id: 'p-1' }],
  ])
  const all = await read(parts)
  expect(all.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd', ''])
  expect(all.at(-1)).toEqual({ index: 0, text: '', finish: 'length', completionTokens: 4 })
  expect(served).toEqual([
    {
      ...{ id: 'p-1', input: { kind: 'text', text: 'hi' }, answer: 'abcd', version: 'v1' },
      shown: { text: 'abcd', finish_reason: 'length' },
      isCut: true,
      timeMs: expect.any(Number) as number,
      traceparent: '00-trace',
    },
  ])
})

test('a token that ends a text and a stop text end it, and are not in it', async () => {
  const { service } = await open()
  const end = await read((await service.generate(ask('end'))).parts)
  expect(end.at(-1)).toEqual({ index: 0, text: '', finish: 'stop', completionTokens: 2 })
  expect(end.map(({ text }) => text).join('')).toBe('1')
  const stop = await read((await service.generate(ask('hi', { stop: ['cd', 'zz'] }))).parts)
  expect(stop.map(({ text }) => text).join('')).toBe('ab')
  expect(stop.at(-1)).toMatchObject({ finish: 'stop', completionTokens: 4 })
})

test('each choice has an id and a stream of random numbers of its own, by the seed', async () => {
  const { service, decoder, served } = await open()
  const run = async (seed: number) => {
    decoder.steps.length = 0
    const { choices, parts } = await service.generate(ask('hi', { n: 2, seed, logprobs: true }))
    const all = await read(parts)
    const draws = decoder.steps.flat().map(({ sampling }) => sampling!.draw)
    return { ids: choices.map(({ id }) => id), all, draws: [...draws].sort() }
  }
  const [first, again, other] = [await run(1), await run(1), await run(2)]
  expect(first.draws).toEqual(again.draws)
  expect(first.draws).not.toEqual(other.draws)
  expect(new Set(first.draws).size).toBe(8)
  expect(first.ids).toEqual(['p-1', 'p-2'])
  expect(first.all.filter(({ index }) => index === 1).map(({ logprobs }) => logprobs?.[0])).toEqual(
    [...['a', 'b', 'c', 'd'].map((token) => ({ token, logprob: -1 })), undefined],
  )
  expect(served.map(({ id }) => id).sort()).toEqual(['p-1', 'p-2', 'p-3', 'p-4', 'p-5', 'p-6'])
})

test('the same input twice in a request has two texts, and one by a seed', async () => {
  const { service, decoder } = await open()
  const drawn = async (options: { seed?: number }) => {
    decoder.steps.length = 0
    const { inputs } = ask('hi')
    await service.answer({ inputs: [...inputs, ...inputs], signal: signal() }, options)
    return new Set(decoder.steps.flat().map(({ sampling }) => sampling!.draw)).size
  }
  expect(await drawn({})).toBe(8)
  expect(await drawn({ seed: 1 })).toBe(4)
})

test('a request of more than ten inputs prints no warning of a leak', async () => {
  const { service } = await open({ limits: { generation_texts: 11, generation_queue: 11 } })
  const warned: string[] = []
  const note = ({ name }: Error) => warned.push(name)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const inputs = Array.from({ length: 11 }, () => ask('hi').inputs).flat()
  await service.answer({ inputs, signal: signal() }, {})
  await setImmediate()
  expect(warned).toEqual([])
})

test('a swap in the middle of a text neither changes it nor unloads its version before its end', async () => {
  const { service, decoder, live, registry, engine } = await open()
  decoder.hold()
  const before = await service.generate(ask('end'))
  const reading = read(before.parts)
  await settled()
  for (const version of ['v2', 'v3', 'v4', 'v5']) await live.swap(await registry.promote(version))
  expect(engine.loaded.has('digest-v1')).toBe(true)
  const after = await service.generate(ask('end'))
  expect([before.manifest.version, after.manifest.version]).toEqual(['v1', 'v5'])
  await decoder.finish(10)
  expect((await reading).map(({ text }) => text).join('')).toBe('1')
  await read(after.parts)
  expect(engine.loaded.has('digest-v1')).toBe(false)
})

test('whole texts, one for each input, and options that stand above the settings', async () => {
  const { service } = await open()
  const inputs = ['hi', 'end'].map((text) => ({ kind: 'text' as const, text }))
  const { manifest, predictions } = await service.answer(
    { inputs, version: 'v3', signal: signal() },
    { maxTokens: 2 },
  )
  expect(manifest.version).toBe('v3')
  expect(predictions).toEqual([
    { id: 'p-1', answer: { text: 'ab', finish_reason: 'length' }, size: 2, completionTokens: 2 },
    { id: 'p-2', answer: { text: '3', finish_reason: 'stop' }, size: 3, completionTokens: 2 },
  ])
})

test('a text is as long as its base has positions for, and a prompt that leaves none is refused', async () => {
  const { service } = await open()
  const { parts } = await service.generate(ask('x'.repeat(38), { maxTokens: 30 }))
  expect((await read(parts)).at(-1)).toMatchObject({ finish: 'length', completionTokens: 2 })
  const refused = async (request: GenerateRequest) => rejection(service.generate(request))
  expect(await refused(ask('x'.repeat(40)))).toMatchObject({ code: 'INPUT_TOO_LONG' })
  expect(await refused(ask(''))).toMatchObject({ code: 'INPUT_EMPTY' })
  expect(await refused(ask('hi', { maxTokens: 51 }))).toMatchObject({
    code: 'REQUEST_INVALID',
    details: { param: 'max_tokens' },
  })
})

test('a prompt that is too long loses its beginning where the settings say so, and the answer says how much', async () => {
  const usual = { maxTokens: 4, temperature: 1, topP: 1, overflow: 'truncate' } as const
  const { service, metrics } = await open({ writing: { usual } })
  const { promptTokens, droppedTokens, parts } = await service.generate(ask('x'.repeat(50)))
  expect([promptTokens, droppedTokens]).toEqual([36, 14])
  expect((await read(parts)).at(-1)).toMatchObject({ finish: 'length', completionTokens: 4 })
  const inputs = ['x'.repeat(41), 'hi'].map((text) => ({ kind: 'text' as const, text }))
  const { predictions } = await service.answer({ inputs, signal: signal() }, {})
  expect(predictions).toMatchObject([
    { size: 36, truncated: true, tokens: { kept: 36, dropped: 5 } },
    { size: 2 },
  ])
  expect(predictions[1]).not.toHaveProperty('truncated')
  const truncated = 'antikythera_truncated_texts_total{model="m",by="server"} 2'
  expect(await metrics.text()).toContain(truncated)
})

interface Stored {
  readonly id: string
  readonly answer: string
  readonly isSame?: boolean
}

/** The nearest first; each stands before the prompt with a mark behind it. */
function lessonsOf(stored: readonly Stored[]): GenerationOptions['lessons'] {
  const near = stored.map(({ isSame = false, ...each }, at) => ({
    ...{ ...each, isSame, source: 'desk', question: '?', same: each.id },
    similarity: isSame ? 1 : 0.9 - at / 10,
  }))
  return {
    near: async (_, inputs) => Promise.resolve(inputs.map(() => near)),
    informed: (input, nearestFirst) => {
      const before = nearestFirst.map(({ answer }) => `${answer};`).toReversed()
      const asked = fakeLanguage.text(fakeLanguage.prompt(input))
      return { kind: 'text', text: [...before, asked].join('') }
    },
  }
}

test('stored answers that leave an answer no room are cut, the farthest first, and the answer says how many', async () => {
  const usual = { maxTokens: 4, temperature: 0, topP: 1, overflow: 'refuse' } as const
  const prompts = async (stored: readonly Stored[], more: object = {}) => {
    const { service, decoder } = await open({ writing: { usual, lessons: lessonsOf(stored) } })
    const { predictions } = await service.answer(
      { inputs: ask('hi').inputs, signal: signal(), ...more },
      more,
    )
    const [first] = decoder.steps.flat()
    return { prompt: String.fromCharCode(...first!.ids), recalled: predictions[0]!.recalled }
  }
  const sources = (...ids: string[]) => ids.map((id) => expect.objectContaining({ id }) as object)
  const [one, two, three] = ['1', '2', '3'].map((id) => ({ id, answer: id.repeat(10) }))
  // 36 of 40 positions are left for the prompt.
  expect(await prompts([one!, two!, three!])).toEqual({
    prompt: `${'3'.repeat(10)};${'2'.repeat(10)};${'1'.repeat(10)};hi`,
    recalled: { sources: sources('1', '2', '3'), cut: 0 },
  })
  expect(await prompts([one!, two!, three!], { maxTokens: 6 })).toEqual({
    prompt: `${'2'.repeat(10)};${'1'.repeat(10)};hi`,
    recalled: { sources: sources('1', '2'), cut: 1 },
  })
  // A farther one never takes the place of a nearer one that is too long.
  expect(await prompts([{ id: 'long', answer: 'x'.repeat(40) }, two!])).toEqual({
    prompt: 'hi',
    recalled: { sources: [], cut: 2 },
  })
})

test('a stored answer to the same question is given without the model, which is asked only how likely it is', async () => {
  const stored = [{ id: 'f-1', answer: 'At nine.', isSame: true }]
  const { service, decoder, served } = await open({ writing: { lessons: lessonsOf(stored) } })
  decoder.fail(new Error('not asked'))
  const whole = await service.answer(
    { inputs: ask('hi').inputs, signal: signal() },
    { maxTokens: 20 },
  )
  expect(whole.predictions).toMatchObject([
    {
      answer: { text: 'At nine.', finish_reason: 'stop' },
      recalled: { sources: [{ source: 'desk', id: 'f-1', similarity: 1 }], cut: 0 },
    },
  ])
  const { parts } = await service.generate(ask('hi', { n: 2, maxTokens: 2 }))
  const all = await read(parts)
  expect(all.filter(({ index }) => index === 1)).toMatchObject([
    { text: 'A' },
    { text: 't' },
    { text: '', finish: 'length', completionTokens: 2 },
  ])
  expect(served.map(({ answer }) => answer)).toEqual(['At nine.', 'At', 'At'])
  expect(decoder.steps).toEqual([])
  decoder.fail(undefined)
  await read((await service.generate(ask('hi', { maxTokens: 2, logprobs: true }))).parts)
  const given = decoder.steps.flat().map(({ sampling }) => sampling?.given)
  expect(given).toEqual([...fakeLanguage.tokens('At')])
})

test('a client that goes away ends its texts, which are not stored, and frees its version', async () => {
  const { service, decoder, scheduler, served, live, registry, engine } = await open()
  decoder.hold()
  const gone = new AbortController()
  const { parts } = await service.generate(ask('hi', { n: 2, signal: gone.signal }))
  const reading = rejection(read(parts))
  await settled()
  await live.swap(await registry.promote('v2'))
  await live.swap(await registry.promote('v3'))
  gone.abort(failure('CLIENT_GONE', 'gone'))
  await decoder.finish(3)
  expect(await reading).toMatchObject({ code: 'CLIENT_GONE' })
  expect([scheduler.running('m'), scheduler.waiting('m'), served]).toEqual([0, 0, []])
  expect(engine.loaded.has('digest-v1')).toBe(false)

  const { parts: some } = await service.generate(ask('hi'))
  for (let step = 0; step < 3; step += 1) void decoder.finish(1)
  for await (const { index } of some) {
    expect(index).toBe(0)
    break
  }
  await decoder.finish(3)
  expect([scheduler.running('m'), served]).toEqual([0, []])
})

test('a step that fails is a failed attempt of the version, and what the caller did is none', async () => {
  const attempts: unknown[] = []
  const onAttempt = (attempt: unknown) => attempts.push(attempt)
  const { service, decoder } = await open({ live: { live: { onAttempt } } })
  decoder.fail(new Error('out of memory'))
  const { parts } = await service.generate(ask('hi'))
  expect(await rejection(read(parts))).toMatchObject({ code: 'ENGINE_FAILED' })
  decoder.fail(undefined)
  await read((await service.generate(ask('hi'))).parts)
  const gone = new AbortController()
  decoder.hold()
  const { parts: lost } = await service.generate(ask('hi', { signal: gone.signal }))
  gone.abort(failure('CLIENT_GONE', 'gone'))
  await decoder.finish(2)
  await rejection(read(lost))
  expect(attempts).toMatchObject([{ version: 'v1', fault: 'engine' }, { version: 'v1' }])
  expect(attempts).toHaveLength(2)
})

test('a request that finds no room for all of its inputs leaves none of them behind', async () => {
  const { service, scheduler, decoder, live, registry, engine } = await open({
    limits: { generation_queue: 2 },
  })
  const inputs = ['a', 'b', 'c'].map((text) => ({ kind: 'text', text }) as const)
  const error = await rejection(service.answer({ inputs, signal: signal() }, {}))
  expect([error.code, scheduler.waiting('m')]).toEqual(['QUEUE_FULL', 0])
  await live.swap(await registry.promote('v2'))
  await live.swap(await registry.promote('v3'))
  expect([engine.loaded.has('digest-v1'), decoder.steps]).toEqual([false, []])
})

test('the first text of a request that fails ends the others', async () => {
  const broken = new TokenStream<DrawnToken>(() => undefined)
  const { service, scheduler, decoder } = await open({ first: () => broken })
  decoder.hold()
  const { parts } = await service.generate(ask('hi', { n: 3 }))
  broken.fail(failure('ENGINE_FAILED', 'broken'))
  expect(await rejection(read(parts))).toMatchObject({ code: 'ENGINE_FAILED' })
  expect([scheduler.running('m'), scheduler.waiting('m')]).toEqual([0, 0])
})

test('a canary writes for the keys of its share, and is named in what is stored', async () => {
  const { service, live, registry, served } = await open()
  const { generation } = (await registry.live())!
  const canary = { version: 'v2', share: 0.5 }
  const moved = {
    version: 'v1',
    canary,
    expect: generation,
    reason: 'trial',
    by: 'canary' as const,
  }
  await live.swap(await registry.point(moved))
  const arms = new Map<string, string>()
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    const { arm, manifest, parts } = await service.generate(ask('end', { key }))
    await read(parts)
    arms.set(key, manifest.version)
    expect(arm === 'canary').toBe(manifest.version === 'v2')
    expect((await service.generate(ask('end', { key }))).manifest.version).toBe(arms.get(key))
  }
  expect(new Set(arms.values())).toEqual(new Set(['v1', 'v2']))
  await settled()
  expect(new Set(served.map((each) => each.canary))).toEqual(new Set(['v2']))
})
