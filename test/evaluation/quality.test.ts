/** What is reported of the answers beside their number: for whom they are right, and for what. */
import { describe, expect, test } from 'vitest'
import { Quality, type QualityLimits } from '../../src/evaluation/scoreboard.ts'
import type { LabelledReport } from '../../src/tasks/classification/report.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { classificationOf } from '../tasks/classification-of.ts'

const limits: QualityLimits = { rows: 3, sources: 3 }

interface Seen {
  readonly label: string
  readonly answer: string
  readonly source?: string
  readonly confidence?: number
}

function observe(quality: Quality, { label, answer, source = 's', confidence }: Seen): void {
  const target: LabelTarget = { kind: 'label', label }
  const score = { error: answer === label ? 0 : 1, loss: 1, answer }
  quality.observe(confidence === undefined ? score : { ...score, confidence }, {
    source,
    target,
  })
}

function after(seen: readonly Seen[], chosen = limits): Quality {
  const quality = new Quality(classificationOf(), chosen)
  for (const each of seen) observe(quality, each)
  return quality
}

const reportOf = (quality: Quality) => quality.report() as unknown as LabelledReport
const times = (count: number, seen: Seen) => Array.from({ length: count }, () => seen)

describe('sources of events', () => {
  test('one with nine events of ten hides what the others see; the mean over sources shows it', () => {
    const liar = { label: 'b', answer: 'b', source: 'liar' }
    const seen = Array.from({ length: 1000 }, (_, at) =>
      at % 10 === 0 ? { label: 'a', answer: 'b', source: `honest-${at % 20}` } : liar,
    )
    const { accuracy_recent, accuracy_recent_by_source, sources } = after(seen).report()
    expect(accuracy_recent).toBeCloseTo(0.9, 1)
    expect(accuracy_recent_by_source).toBeCloseTo(1 / 3, 6)
    expect(sources.map(({ source, accuracy }) => [source, accuracy])).toEqual([
      ['liar', 1],
      ['honest-0', 0],
      ['honest-10', 0],
    ])
  })

  test('one of fewer than 20 examples does not weigh as much as one of hundreds', () => {
    const seen = [
      ...times(100, { label: 'a', answer: 'a', source: 'large' }),
      ...times(19, { label: 'a', answer: 'b', source: 'small' }),
    ]
    expect(after(seen).report().accuracy_recent_by_source).toBe(1)
    const more = [...seen, { label: 'a', answer: 'b', source: 'small' }]
    expect(after(more).report().accuracy_recent_by_source).toBe(0.5)
  })

  test('beyond the limit they are one, however many names a producer makes up', () => {
    const seen = Array.from({ length: 100 }, (_, at) => ({
      label: 'a',
      answer: at < 3 ? 'a' : 'b',
      source: `made-up-${at}`,
    }))
    const { sources } = after(seen).report()
    expect(sources).toHaveLength(4)
    expect(sources.at(-1)).toMatchObject({ source: 'other', count: 97, accuracy: 0 })
  })

  test('one that has been silent for long makes room', () => {
    const old = ['x', 'y', 'z'].map((source) => ({ label: 'a', answer: 'a', source }))
    const lasting = times(5001, { label: 'a', answer: 'a', source: 'z' })
    const quality = after([...old, ...lasting, { label: 'a', answer: 'b', source: 'new' }])
    const names = quality.report().sources.map(({ source }) => source)
    expect(names).toEqual(['z', 'new', 'y', 'other'])
  })

  test('a rating that only says what was wrong counts for its source, and for no label', () => {
    const quality = new Quality(classificationOf(), limits)
    const target: LabelTarget = { kind: 'not', label: 'a' }
    quality.observe({ error: 1, loss: 1, answer: 'a' }, { source: 's', target })
    expect(quality.report()).toMatchObject({ events: 0, labels: [], sources: [{ count: 1 }] })
  })
})

describe('labels', () => {
  const seen = [
    ...times(6, { label: 'a', answer: 'a' }),
    ...times(2, { label: 'a', answer: 'b' }),
    ...times(3, { label: 'b', answer: 'b' }),
    ...times(1, { label: 'b', answer: 'a' }),
    ...times(2, { label: 'c', answer: '' }),
    ...times(1, { label: 'd', answer: 'a' }),
    ...times(1, { label: 'e', answer: 'e' }),
  ]

  test('have precision, recall and support, and those with few examples are one', () => {
    const { labels, other_labels, window_events } = reportOf(after(seen))
    expect(window_events).toBe(16)
    expect(labels).toEqual([
      { label: 'a', support: 8, predicted: 8, precision: 0.75, recall: 0.75, f1: 0.75 },
      { label: 'b', support: 4, predicted: 5, precision: 0.6, recall: 0.75, f1: 6 / 9 },
      { label: 'c', support: 2, predicted: 0, precision: null, recall: 0, f1: 0 },
    ])
    expect(other_labels).toEqual({ labels: 2, support: 2, correct: 1 })
  })

  test('are confused in a table whose sums are theirs, the rest in its last row and column', () => {
    const { labels, counts } = reportOf(after(seen)).confusion
    expect(labels).toEqual(['a', 'b', 'c'])
    expect(counts).toEqual([
      [6, 2, 0, 0],
      [1, 3, 0, 0],
      [0, 0, 0, 2],
      [1, 0, 0, 1],
    ])
  })

  test('are those of the last five to ten thousand examples', () => {
    const quality = after([
      ...times(5000, { label: 'old', answer: 'old' }),
      ...times(10_001, { label: 'a', answer: 'a' }),
    ])
    const { labels, window_events, events } = reportOf(quality)
    expect(events).toBe(15_001)
    expect(window_events).toBe(5001)
    expect(labels.map(({ label, support }) => [label, support])).toEqual([['a', 5001]])
  })

  test('that never end fill no checkpoint', () => {
    const many = Array.from({ length: 4000 }, (_, at) => ({ label: `l${at}`, answer: 'a' }))
    const { length } = JSON.stringify(after(many).snapshot())
    expect(length).toBeLessThan(100_000)
    expect(reportOf(after(many)).confusion.counts).toHaveLength(4)
  })
})

test('baselines answer before they count: the most frequent label so far, and the last one', () => {
  const labels = ['a', 'a', 'b', 'b', 'b', 'a']
  const { baselines } = reportOf(after(labels.map((label) => ({ label, answer: 'a' }))))
  expect(baselines.majority).toMatchObject({ label: 'b', accuracy: 1 / 6 })
  expect(baselines.last_label).toMatchObject({ label: 'a', accuracy: 3 / 6 })
})

test('scores that promise more than they keep are a calibration error', () => {
  const sure = times(50, { label: 'a', answer: 'a', confidence: 0.9 })
  const wrong = times(50, { label: 'a', answer: 'b', confidence: 0.9 })
  const { ece, bins } = reportOf(after([...sure, ...wrong])).calibration
  expect(ece).toBeCloseTo(0.4, 9)
  expect(bins).toHaveLength(15)
  expect(bins.at(-2)).toMatchObject({ count: 100, accuracy: 0.5 })
  const nothing = reportOf(after([{ label: 'a', answer: 'a', confidence: NaN }]))
  expect(nothing.calibration.ece).toBe(0)
})

test('a snapshot is JSON and restores exactly, twice too', () => {
  const seen = Array.from({ length: 6000 }, (_, at) => ({
    label: `l${at % 7}`,
    answer: `l${at % 5}`,
    source: `s${at % 11}`,
    confidence: (at % 13) / 13,
  }))
  const quality = after(seen.slice(0, 5500))
  const state = quality.snapshot()
  const copy = new Quality(classificationOf(), limits)
  copy.restore(JSON.parse(JSON.stringify(state)) as typeof state)
  copy.restore(JSON.parse(JSON.stringify(state)) as typeof state)
  for (const each of [quality, copy]) for (const next of seen.slice(5500)) observe(each, next)
  expect(JSON.stringify(copy.snapshot())).toBe(JSON.stringify(quality.snapshot()))
  expect(copy.report()).toEqual(quality.report())
})
