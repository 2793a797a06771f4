/** What is kept for people who watch: bounded, thinned with age, and shared out to a bounded number of them. */
import { expect, test } from 'vitest'
import type { Sample } from '../../src/serving/services/series/contract.ts'
import { openSeries, ThinnedSeries } from '../../src/serving/services/series/series-service.ts'
import type { TrainerReport } from '../../src/serving/services/served-model.ts'
import { report } from '../api/open-served.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openFakeClock, settled } from './fake-clock.ts'

test('a full series keeps its first sample and its newest ones, and is coarser the older it is', () => {
  const series = new ThinnedSeries<number>(10)
  for (let sample = 0; sample < 100; sample += 1) {
    series.add(sample)
    expect(series.size).toBeLessThanOrEqual(10)
  }
  const { all } = series
  expect(all[0]).toBe(0)
  expect(all.slice(-3)).toEqual([97, 98, 99])
  const gaps = all.slice(1).map((sample, at) => sample - all[at]!)
  expect(gaps).toEqual(gaps.toSorted((one, other) => other - one))
})

function open(options: { readonly watchers?: number } = {}) {
  const clock = openFakeClock()
  const limits = { samples: 100, part_samples: 10, watchers: options.watchers ?? 2 }
  let now: TrainerReport = report
  const model = (name: string) => ({
    ...{ name, live: { live: () => undefined } as never },
    task: classificationOf({ known: ['no', 'yes'] }),
  })
  const models = [model('m'), model('n')]
  const series = openSeries({ models, trainer: { status: () => now }, limits, clock })
  const learned = (count: number) => {
    now = { ...report, prequential: { ...report.prequential, count } }
  }
  return {
    series,
    clock,
    learned,
    says: (more: Partial<TrainerReport>) => (now = { ...now, ...more }),
  }
}

test('a sample is taken when something has changed, and none while nothing does', () => {
  const { series, learned, says } = open()
  for (let look = 0; look < 3; look += 1) series.sample()
  expect(series.size('m').samples).toBe(1)
  learned(9)
  series.sample()
  says({ lag: 7 })
  series.sample()
  expect(series.size('m').samples).toBe(3)
})

test('a trainer that has not read its checkpoint yet gives no sample', () => {
  const { series, says } = open()
  says({ isBlank: true })
  series.sample()
  expect(series.size('m').samples).toBe(0)
})

test('who watches gets what was before, then each new sample of its model, and after an id only what is newer', () => {
  const { series, learned } = open()
  series.sample()
  const got: Sample[] = []
  const first = series.watch('m', 0, (sample) => got.push(sample))
  expect(first.before.map(({ count }) => count)).toEqual([8])
  learned(9)
  series.sample()
  expect(got.map(({ count }) => count)).toEqual([9])
  const again = series.watch('m', first.before[0]!.id, () => {})
  expect(again.before).toEqual(got)
  first.stop()
  learned(10)
  series.sample()
  expect(got).toHaveLength(1)
})

test('an id from the future, of a clock that was set back, gets everything', () => {
  const { series } = open()
  series.sample()
  expect(series.watch('m', Number.MAX_SAFE_INTEGER, () => {}).before).toHaveLength(1)
})

test('beyond limits.watchers the next one is refused, over all models, until another leaves', () => {
  const { series } = open({ watchers: 2 })
  const one = series.watch('m', 0, () => {})
  series.watch('n', 0, () => {})
  const more = () => series.watch('m', 0, () => {})
  expect(more).toThrow(expect.objectContaining({ code: 'WATCHERS_FULL' }))
  one.stop()
  expect(series.watchers()).toBe(1)
  more()
  expect(() => series.watch('none', 0, () => {})).toThrow(
    expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
  )
})

test('it looks once a second until it is stopped', async () => {
  const { series, clock, learned } = open()
  const over = new AbortController()
  const running = series.run(over.signal)
  await settled()
  learned(9)
  await clock.advance(999)
  expect(series.size('m').samples).toBe(1)
  await clock.advance(1)
  expect(series.size('m').samples).toBe(2)
  over.abort()
  await running
})

const part = (count: number, accuracy_recent: number) => ({ count, accuracy: 0.5, accuracy_recent })
const qualityOf = (north: number, south?: number) => ({
  accuracy_recent_by_source: 0,
  sources: [{ source: 'crowd', ...part(north + (south ?? 0), 0.7) }],
  slices: [
    { slice: 'north', ...part(north, 0.12345) },
    ...(south === undefined ? [] : [{ slice: 'south', ...part(south, 0.9) }]),
  ],
})

test('each slice and each source has a line from its first example on, and no point where nothing new was judged', () => {
  const { series, says } = open()
  says({ quality: qualityOf(5) })
  series.sample()
  says({ quality: qualityOf(5) })
  series.sample()
  says({ quality: qualityOf(6, 2) })
  series.sample()
  const { timesMs, lines } = series.parts('m', 'slice')
  expect(timesMs).toHaveLength(2)
  expect(lines).toEqual([
    { name: 'north', count: 6, values: [0.1235, 0.1235] },
    { name: 'south', count: 2, values: [null, 0.9] },
  ])
  expect(series.parts('m', 'source').lines).toEqual([
    { name: 'crowd', count: 8, values: [0.7, 0.7] },
  ])
})

test('points of parts are thinned at their own limit, and a model without slices has no lines', () => {
  const { series, says } = open()
  expect(series.parts('m', 'slice')).toEqual({ timesMs: [], lines: [] })
  for (let count = 1; count <= 50; count += 1) {
    says({ quality: qualityOf(count) })
    series.sample()
    expect(series.size('m').parts).toBeLessThanOrEqual(10)
  }
  const [line] = series.parts('m', 'slice').lines
  expect(line!.count).toBe(50)
  expect(line!.values).toHaveLength(series.size('m').parts)
  expect(() => series.parts('x', 'slice')).toThrow('no such model')
})
