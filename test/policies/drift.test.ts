/** The detectors against River's: the index of each alarm on the same streams, test/reference/drift.py. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AdaptiveWindow } from '../../policies/trigger/adwin.ts'
import { DriftDetectionMethod } from '../../policies/trigger/ddm.ts'
import type { Change, Detector } from '../../policies/trigger/drift.ts'
import { KolmogorovSmirnovWindow } from '../../policies/trigger/kswin.ts'
import { PageHinkley } from '../../policies/trigger/page-hinkley.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Json, Random } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { thrown } from '../coded.ts'

interface Case {
  readonly detector: string
  readonly settings: Readonly<Record<string, number | string>>
  readonly stream: string
  readonly alarms: readonly number[]
}

const { streams, cases } = JSON.parse(
  readFileSync(new URL('../reference/drift.json', import.meta.url), 'utf8'),
) as { streams: Record<string, string | number[]>; cases: Case[] }

/** As drift.py writes it down. */
function lcg(): Random {
  let state = 7
  const below = (bound: number) => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0
    return Math.floor((state * bound) / 2 ** 32)
  }
  return { ...openRandom(1, 'unused'), below }
}

const detectors: Record<string, (settings: never) => Detector> = {
  adwin: (settings) => new AdaptiveWindow(settings),
  ddm: (settings) => new DriftDetectionMethod(settings),
  'page-hinkley': (settings) => new PageHinkley(settings),
  kswin: (settings) => new KolmogorovSmirnovWindow(settings),
}

function changesOf(detector: Detector, values: readonly number[]): Map<number, Change> {
  const random = lcg()
  const changes = values.map((value) => detector.observe(value, random))
  return new Map([...changes.entries()].flatMap(([at, change]) => (change ? [[at, change]] : [])))
}

function valuesOf(stream: string): readonly number[] {
  const values = streams[stream]!
  return typeof values === 'string' ? Array.from(values, Number) : values
}

describe('alarms at the indices of River', () => {
  it.each(cases)(
    '$detector on $stream with $settings',
    ({ detector, settings, stream, alarms }) => {
      const made = detectors[detector]!(settings as never)
      expect([...changesOf(made, valuesOf(stream)).keys()]).toEqual(alarms)
    },
  )

  it('includes alarms of every detector', () => {
    const loud = cases.filter(({ alarms }) => alarms.length > 0)
    expect(new Set(loud.map(({ detector }) => detector))).toEqual(new Set(Object.keys(detectors)))
  })
})

describe('a detector', () => {
  it.each(Object.keys(detectors))('%s goes on from its state at any index', (name) => {
    const { settings, stream, alarms } = cases.find(
      (each) => each.detector === name && each.alarms.length > 0,
    )!
    const random = lcg()
    let detector = detectors[name]!(settings as never)
    const found = valuesOf(stream).flatMap((value, at) => {
      const state = JSON.stringify(detector.snapshot())
      detector = detectors[name]!(settings as never)
      detector.restore(JSON.parse(state) as Json)
      return detector.observe(value, random) ? [at] : []
    })
    expect(found).toEqual(alarms)
  })

  it.each([
    ['adwin', 'better'],
    ['page-hinkley', 'better'],
    ['kswin', 'sudden'],
  ])('%s tells a fall from a rise', (name, stream) => {
    const { settings } = cases.find((each) => each.detector === name && each.stream === stream)!
    const changes = [...changesOf(detectors[name]!(settings as never), valuesOf(stream)).values()]
    expect(changes.at(-1)?.rose).toBe(false)
  })
})

describe('a drift trigger', () => {
  const open = (chosen: object) =>
    openPolicy('trigger', policies.trigger, { policy: 'ddm', every: 16, ...chosen })
  const random = openRandom(1, 'trigger')
  const drifted = (trigger: ReturnType<typeof open>, at: number) =>
    trigger.observe({
      pending: 1,
      score: { error: at < 100 && at % 10 > 0 ? 0 : 1, loss: 1, answer: 'a' },
      nowMs: 0,
      random,
    })

  it('updates at an alarm, however few are pending, and says what to do', () => {
    const trigger = open({ on_drift: 'fresh-adapter' })
    const decisions = Array.from({ length: 130 }, (_, at) => drifted(trigger, at))
    const alarm = decisions.find((each) => each.alarm)
    expect(alarm).toMatchObject({ verdict: 'update', alarm: { response: 'fresh-adapter' } })
    expect(alarm?.reason).toMatch(/^ddm: the error rate rose to \d+\.\d % from \d+\.\d % at best$/)
    expect(trigger.alarms?.()).toEqual({ count: 1, last: alarm?.reason })
    expect(decisions.filter(({ verdict }) => verdict === 'update')).toHaveLength(1)
  })

  it('answers a change for the better with no alarm', () => {
    const trigger = openPolicy('trigger', policies.trigger, { policy: 'adwin' })
    const decisions = valuesOf('better').map((value) => {
      const score = { error: value === 0 ? 0 : 1, loss: value, answer: 'a' }
      return trigger.observe({ pending: 1, score, nowMs: 0, random })
    })
    expect(decisions.some(({ reason }) => reason.includes('which is no alarm'))).toBe(true)
    expect(decisions.filter(({ alarm }) => alarm)).toEqual([])
    expect(trigger.alarms?.()).toEqual({ count: 0 })
  })

  it('is not upset by a boundless loss', () => {
    const trigger = openPolicy('trigger', policies.trigger, { policy: 'page-hinkley' })
    const score = { error: 1, loss: Infinity, answer: 'a' }
    for (let at = 0; at < 50; at += 1) trigger.observe({ pending: 1, score, nowMs: 0, random })
    expect(trigger.snapshot()).toMatchObject({ detector: { n: 50, mean: 20 } })
    expect(trigger.alarms?.()).toEqual({ count: 0 })
  })

  it('refuses a response that does not exist, and a window too small to test', () => {
    expect(thrown(() => open({ on_drift: 'panic' }))).toMatchObject({
      code: 'CONFIG_INVALID',
      details: {
        field: 'trigger.on_drift',
        allowed: 'report, raise-rate, fresh-replay, fresh-adapter',
      },
    })
    expect(
      thrown(() => open({ policy: 'kswin', every: 1, window_size: 50, stat_size: 30 })),
    ).toMatchObject({ code: 'CONFIG_INVALID', details: { field: 'trigger.window_size' } })
  })
})

describe('triggers of the clock', () => {
  const at = (pending: number, nowMs: number) => ({ pending, nowMs, random: openRandom(1, 'x') })

  it('interval updates when its time has passed and something is pending', () => {
    const trigger = openPolicy('trigger', policies.trigger, { policy: 'interval', every_ms: 1000 })
    expect(trigger.observe(at(1, 5000)).verdict).toBe('wait')
    expect(trigger.rest?.(at(1, 5999)).verdict).toBe('wait')
    expect(trigger.rest?.(at(1, 6000)).verdict).toBe('update')
    expect(trigger.rest?.(at(0, 9000)).verdict).toBe('wait')
    expect(trigger.observe(at(1, 9001)).verdict).toBe('update')
  })

  it('idle updates when nothing came for its time, not while things come', () => {
    const trigger = openPolicy('trigger', policies.trigger, { policy: 'idle', rest_ms: 1000 })
    for (let n = 1; n <= 5; n += 1) expect(trigger.observe(at(n, n * 900)).verdict).toBe('wait')
    expect(trigger.rest?.(at(5, 5499)).verdict).toBe('wait')
    expect(trigger.rest?.(at(5, 5500)).verdict).toBe('update')
    expect(trigger.rest?.(at(0, 99_000)).verdict).toBe('wait')
    expect(trigger.observe(at(1, 99_000)).verdict).toBe('wait')
  })

  it.each(['interval', 'idle'])('%s takes no more than it may hold', (policy) => {
    const trigger = openPolicy('trigger', policies.trigger, { policy, most: 3 })
    const verdicts = [1, 2, 3].map((pending) => trigger.observe(at(pending, 0)).verdict)
    expect(verdicts).toEqual(['wait', 'wait', 'update'])
  })

  it.each(['interval', 'idle'])('%s begins its time anew when the clock was put back', (policy) => {
    const trigger = openPolicy('trigger', policies.trigger, { policy })
    trigger.observe(at(1, 1_000_000))
    expect(trigger.rest?.(at(1, 500)).verdict).toBe('wait')
    expect(trigger.rest?.(at(1, 5600)).verdict).toBe('update')
  })
})

describe('rates', () => {
  it('warmup-cosine rises to the full rate and falls along a cosine', () => {
    const rate = openPolicy('rate', policies.rate, { policy: 'warmup-cosine', warmup: 0.2 })
    rate.begin({ steps: 10, raised: false })
    const factors = Array.from({ length: 10 }, (_, step) => rate.factor(step))
    expect(factors.slice(0, 3)).toEqual([1 / 3, 2 / 3, 1])
    expect(factors[6]).toBeCloseTo(0.5)
    expect(factors[9]).toBeCloseTo((1 + Math.cos((7 / 8) * Math.PI)) / 2)
  })

  it('drift-reset is constant until an alarm, then halves what it has added', () => {
    const rate = openPolicy('rate', policies.rate, {
      policy: 'drift-reset',
      peak: 9,
      half_life: 2,
    })
    const next = (raised: boolean) => {
      rate.begin({ steps: 1, raised })
      return rate.factor(0)
    }
    const factors = [next(false), next(false), next(true), next(false), next(false)]
    const expected = [1, 1, 9, 1 + 8 / Math.SQRT2, 5]
    // Releases of Node round a power differently in the last bit.
    factors.forEach((factor, index) => expect(factor).toBeCloseTo(expected[index]!, 12))
  })

  it('inverse-sqrt falls with the steps of all updates, down to its floor, and starts again after an alarm', () => {
    const open = () =>
      openPolicy('rate', policies.rate, { policy: 'inverse-sqrt', steps: 4, floor: 0.5 })
    const rate = open()
    rate.begin({ steps: 4, raised: false })
    expect([rate.factor(0), rate.factor(3)]).toEqual([1, 1 / Math.sqrt(7 / 4)])
    rate.begin({ steps: 9, raised: false })
    expect([rate.factor(0), rate.factor(8), rate.factor(1000)]).toEqual([
      1 / Math.sqrt(2),
      0.5,
      0.5,
    ])
    const restored = open()
    restored.restore(rate.snapshot())
    for (const each of [rate, restored]) each.begin({ steps: 1, raised: false })
    expect(restored.factor(0)).toBe(rate.factor(0))
    rate.begin({ steps: 2, raised: true })
    expect(rate.factor(0)).toBe(1)
    rate.begin({ steps: 2, raised: false })
    expect(rate.factor(0)).toBe(1 / Math.sqrt(1.5))
  })
})
