/** A live version that fails to answer: the server goes back by itself, and only where that helps. */
import { expect, test } from 'vitest'
import { openPolicies } from '../../src/config/plugins/open-policy.ts'
import type { AnswerWatch } from '../../src/contracts/release.ts'
import { jointWatch } from '../../src/evaluation/release-decisions.ts'
import { failure } from '../../src/platform/errors.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import { ErrorWatch } from '../../src/serving/services/error-watch.ts'
import type { Movable } from '../../src/serving/services/moves.ts'
import { openGenerationService } from '../../src/serving/services/generation/generation-service.ts'
import { openFakeEngine } from './fake-engine.ts'
import { openFakeLog } from './fake-log.ts'
import { openFakeWriting } from './fake-writing.ts'
import { openFakeRegistry } from './fake-registry.ts'
import { openLive } from './open-live.ts'

const inputs = [{ kind: 'text' as const, text: 'A' }]
const broken = () => failure('ENGINE_FAILED', 'ONNX Runtime: no')

async function opened(policy = 'on-errors') {
  const registry = openFakeRegistry('m', 6)
  await registry.promote('v1')
  await registry.promote('v2')
  const engine = openFakeEngine()
  const metrics = openMetrics()
  const log = openFakeLog()
  const chosen = openPolicies('rollback', policies.rollback, { policy })
  const forCanary = () => jointWatch(openPolicies('rollback', policies.rollback, { policy }))
  const watch = new ErrorWatch({ model: 'm', policy: jointWatch(chosen), forCanary, metrics, log })
  const onAttempt = watch.observe.bind(watch)
  const rig = await openLive({ registry, engine, live: { onAttempt } })
  const moved: string[] = []
  const feedback = { moved: ({ by }: { by: string }) => void moved.push(by) }
  watch.begin({ name: 'm', registry, live: rig.live, feedback } as unknown as Movable)
  const ask = async (times: number) => {
    const versions: string[] = []
    for (let at = 0; at < times; at += 1) {
      const answer = await rig.live.predict({ inputs }).catch(() => undefined)
      versions.push(answer?.manifest.version ?? 'failed')
      await watch.settled()
    }
    return versions
  }
  return { ...rig, watch, engine, registry, metrics, moved, ask, log }
}

test.each([
  ['the engine fails on', broken],
  ['has outputs that are no numbers for', 'not finite' as const],
])('a version that %s every request is left for the one before', async (_, how) => {
  const { engine, registry, ask, metrics, moved, watch } = await opened()
  await ask(20)
  engine.spoil('v2', how)
  const answers = await ask(40)
  expect(answers.at(-1)).toBe('v1')
  expect(answers.indexOf('v1')).toBeLessThanOrEqual(25)
  expect(await registry.live()).toMatchObject({
    live: { version: 'v1' },
    by: 'policy',
    asks: { follow: true },
    reason: expect.stringMatching(/^on-errors: .* % of \d+ answers of v2 failed/) as string,
  })
  expect(moved).toEqual(['policy'])
  expect(watch.answers).toEqual({ version: 'v1', count: expect.any(Number) as number, failed: 0 })
  expect(await metrics.text()).toMatch(/failed_answers_total\{model="m",fault="\w+"\} \d+/)
})

test('a canary that fails to answer is ended, and the live version stays', async () => {
  const { engine, registry, live, ask, moved, watch } = await opened()
  const canary = { version: 'v3', share: 0.5 }
  const routing = await registry.point({
    ...{ version: 'v2', canary, expect: 2, by: 'trainer', reason: 'on trial' },
  })
  await live.swap(routing)
  engine.spoil('v3', broken)
  const answers = await ask(100)
  expect(await registry.live()).toMatchObject({
    live: { version: 'v2' },
    by: 'policy',
    asks: { follow: true },
    reason: expect.stringMatching(/^canary: on-errors: .* of v3 failed/) as string,
  })
  expect(await registry.live()).not.toHaveProperty('canary')
  expect(moved).toEqual(['policy'])
  expect(answers.slice(-30)).toEqual(Array.from({ length: 30 }, () => 'v2'))
  // Its failures are not those of the live version.
  expect(watch.answers).toMatchObject({ version: 'v2', failed: 0 })
})

test('a canary that fails as often as the live version stays, and one that fails more often is ended', async () => {
  const rig = await opened()
  const { registry, metrics, log } = rig
  await registry.point({
    ...{ version: 'v2', canary: { version: 'v3', share: 0.5 }, expect: 2 },
    ...{ by: 'trainer', reason: 'on trial' },
  })
  const policy: AnswerWatch = { observe: () => ({ verdict: 'keep', reason: 'not the live one' }) }
  const forCanary = () =>
    jointWatch(openPolicies('rollback', policies.rollback, { policy: 'on-errors' }))
  const watch = new ErrorWatch({ model: 'm', policy, forCanary, metrics, log })
  watch.begin({ ...rig, name: 'm', feedback: {} } as unknown as Movable)
  const random = openRandom(3, 'answers')
  const observe = async (count: number, canaryFails: number) => {
    for (let at = 0; at < count; at += 1)
      for (const isCanary of [false, true]) {
        const failed = random.uniform() < (isCanary ? canaryFails : 0.3)
        const fault = failed && ({ fault: 'engine', error: broken() } as const)
        const asked = { version: isCanary ? 'v3' : 'v2', generation: 3, inputs }
        watch.observe({ ...asked, ...(isCanary && { isCanary }), ...fault })
      }
    await watch.settled()
  }
  await observe(500, 0.3)
  expect(await registry.live()).toHaveProperty('canary')
  await observe(200, 0.7)
  expect(await registry.live()).not.toHaveProperty('canary')
  expect((await registry.live())?.reason).toMatch(/of v3 failed, \d+\.\d % of the live version/)
})

test('a canary stays where the live version cannot answer either', async () => {
  const { engine, registry, live, ask, log } = await opened()
  const canary = { version: 'v3', share: 0.5 }
  const routing = await registry.point({
    ...{ version: 'v2', canary, expect: 2, by: 'trainer', reason: 'on trial' },
  })
  await live.swap(routing)
  for (const version of ['v1', 'v2', 'v3']) engine.spoil(version, broken)
  await ask(60)
  expect(await registry.live()).toMatchObject({ canary, generation: 3 })
  expect(log.lines.map(({ message }) => message)).toContain('a version fails to answer, and stays')
})

/** As a language model is served: its batcher answers nothing, and texts of the versions named here are no numbers. */
async function openedTexts(...spoiled: readonly string[]) {
  const { registry, metrics, watch, log } = await opened()
  const batcher = { run: async () => Promise.reject(broken()), waiting: () => 0 }
  const onAttempt = watch.observe.bind(watch)
  const rig = await openLive({ registry, live: { onAttempt, batcher } })
  const { scheduler: own, ...writing } = openFakeWriting({ clock: rig.clock, metrics })
  const keyOf = (digest: string) => (spoiled.includes(digest) ? 'broken' : digest)
  const run: typeof own.run = (asked) => own.run({ ...asked, adapter: keyOf(asked.adapter) })
  const texts = {
    ...writing,
    scheduler: { run, readTokens: async () => own.readTokens() },
    predictions: { record: () => undefined },
  }
  const parts = { live: rig.live, predictionId: () => 'p', feedback: {} }
  watch.begin({ ...parts, name: 'm', registry, texts } as unknown as Movable)
  const service = openGenerationService({
    ...{ ...texts, ...parts, model: 'm', clock: rig.clock, limits: { answer_tokens: 50 } },
    until: async () => Promise.resolve(),
    versions: { liveAt: async () => (await registry.history(1))[0]! },
  })
  for (let at = 0; at < 40; at += 1) {
    const { signal } = new AbortController()
    await service.answer({ inputs, signal }, {}).catch(() => undefined)
    await watch.settled()
  }
  return { registry, log }
}

test('a version that writes no text is left for one that writes a token of it', async () => {
  const { registry } = await openedTexts('digest-v2')
  expect(await registry.live()).toMatchObject({ live: { version: 'v1' }, by: 'policy' })
})

test('where no version writes a text, nothing moves', async () => {
  const { registry, log } = await openedTexts('digest-v1', 'digest-v2')
  expect(await registry.live()).toMatchObject({ live: { version: 'v2' }, generation: 2 })
  expect(log.lines.map(({ message }) => message)).toContain('a version fails to answer, and stays')
})

test('where the version before cannot answer either, nothing moves', async () => {
  const { engine, registry, ask, log } = await opened()
  engine.spoil('v1', broken)
  engine.spoil('v2', broken)
  await ask(60)
  expect(await registry.live()).toMatchObject({ live: { version: 'v2' }, generation: 2 })
  expect(log.lines.map(({ message }) => message)).toContain('a version fails to answer, and stays')
})

test('what the caller did wrong, aborted requests and a full queue are no failures', async () => {
  const { live, registry, watch, metrics } = await opened()
  const signal = AbortSignal.abort(new Error('gone'))
  for (let at = 0; at < 60; at += 1) {
    await live.predict({ inputs, signal }).catch(() => undefined)
    const many = Array.from({ length: 100 }, () => inputs[0]!)
    await live.predict({ inputs: many }).catch(() => undefined)
  }
  await watch.settled()
  expect(watch.answers).toBeUndefined()
  expect(await registry.live()).toMatchObject({ live: { version: 'v2' } })
  expect(await metrics.text()).not.toMatch(/failed_answers_total\{/)
})

test('a version that is asked for by name is not watched', async () => {
  const { live, engine, watch } = await opened()
  engine.spoil('v1', broken)
  for (let at = 0; at < 40; at += 1)
    await live.predict({ inputs, version: 'v1' }).catch(() => undefined)
  expect(watch.answers).toBeUndefined()
})

test('one run that fails many requests counts once', async () => {
  const { live, engine, watch } = await opened()
  engine.hold()
  const asked = Array.from({ length: 8 }, async () => live.predict({ inputs }))
  const ended = Promise.allSettled(asked)
  while (engine.inFlight === 0) await new Promise(setImmediate)
  // The first runs alone, and the others together.
  engine.finish()
  while (engine.runs.length < 2) await new Promise(setImmediate)
  engine.finish(broken())
  await ended
  expect(watch.answers).toEqual({ version: 'v2', count: 2, failed: 1 })
})

test('a request that began before a swap says nothing of the version that is live after it', async () => {
  const { live, engine, watch, registry } = await opened()
  engine.hold()
  const early = live.predict({ inputs }).catch(() => undefined)
  while (engine.inFlight === 0) await new Promise(setImmediate)
  await live.swap(await registry.promote('v3'))
  const late = live.predict({ inputs })
  engine.finish(broken())
  await early
  while (engine.inFlight === 0) await new Promise(setImmediate)
  engine.finish()
  await late
  expect(watch.answers).toEqual({ version: 'v3', count: 1, failed: 0 })
})

test('without a policy that watches, failures are only counted', async () => {
  const { engine, registry, ask, watch, metrics } = await opened('never')
  engine.spoil('v2', broken)
  await ask(40)
  expect(await registry.live()).toMatchObject({ live: { version: 'v2' } })
  expect(watch.answers).toBeUndefined()
  expect(await metrics.text()).toMatch(/failed_answers_total\{model="m",fault="engine"\} 40/)
})
