/** Scores as probabilities: the temperature that a stream teaches, what it changes, and what it leaves as it is. */
import { describe, expect, test } from 'vitest'
import type { TaskQuality } from '../../src/contracts/task.ts'
import { softmax } from '../../src/nn/softmax.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { CalibrationFacts } from '../../src/tasks/classification/answering.ts'
import type { LabelledReport } from '../../src/tasks/classification/report.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { classificationOf, ofRow } from './classification-of.ts'

const labels = ['a', 'b', 'c']
const answers = { calibration: 'temperature' }

type Asked = Parameters<typeof classificationOf>[1]

function open(asked: Asked = answers) {
  const task = classificationOf({ known: labels }, asked)
  return { task, quality: task.openQuality(8) }
}

/** Logits say a true chance; the head answers them `factor` times as large. */
function* stream(count: number, factor: number, seed = 1) {
  const random = openRandom(seed, 'calibration')
  for (let at = 0; at < count; at += 1) {
    const logits = labels.map(() => 1.5 * random.normal())
    const chances = softmax(logits)
    let left = random.uniform()
    const right = Math.max(
      0,
      chances.findIndex((chance) => (left -= chance) < 0),
    )
    const target: LabelTarget = { kind: 'label', label: labels[right]! }
    yield { outputs: Float32Array.from(logits, (z) => factor * z), target }
  }
}

function learn({ task, quality }: ReturnType<typeof open>, rows: ReturnType<typeof stream>) {
  for (const { outputs, target } of rows)
    quality.observe(task.score(outputs, target, labels), target)
}

const reportOf = (quality: TaskQuality<LabelTarget>) =>
  quality.report() as unknown as LabelledReport
const factsOf = (quality: TaskQuality<LabelTarget>) =>
  quality.facts?.().calibration as unknown as CalibrationFacts

describe.each([
  ['too sure', 3],
  ['not sure enough', 0.4],
])('scores that are %s', (_, factor) => {
  test('become probabilities by a temperature, each example being a test first', () => {
    const opened = open()
    learn(opened, stream(4000, factor))
    const { temperature, ece, ece_uncalibrated, events } = reportOf(opened.quality).calibration
    expect(events).toBe(4000)
    expect(temperature / factor).toBeGreaterThan(0.8)
    expect(temperature / factor).toBeLessThan(1.25)
    expect(ece_uncalibrated).toBeGreaterThan(0.1)
    expect(ece).toBeLessThan(0.04)
    expect(factsOf(opened.quality)).toEqual({ temperature, ece, ece_uncalibrated, events })
  })

  test('are served as probabilities by a version that has it, and name the same answer', () => {
    const opened = open()
    learn(opened, stream(4000, factor))
    const { temperature } = factsOf(opened.quality)
    const facts = { labels, ...opened.quality.facts?.() }
    for (const { outputs } of stream(50, factor, 2)) {
      const served = opened.task.decode(outputs, ofRow(facts))
      const plain = opened.task.decode(outputs, ofRow({ labels }))
      const scaled = softmax(Array.from(outputs, (z) => z / temperature))
      expect(Object.values(served.scores)).toEqual(scaled)
      expect(served.score).toBe(Math.max(...scaled))
      expect(served.label).toBe(plain.label)
      expect(Object.values(plain.scores)).toEqual(softmax(outputs))
    }
  })
})

test('scores that are probabilities stay about as they are', () => {
  const opened = open()
  learn(opened, stream(4000, 1))
  const { temperature, ece, ece_uncalibrated } = reportOf(opened.quality).calibration
  expect(temperature).toBeGreaterThan(0.85)
  expect(temperature).toBeLessThan(1.18)
  expect(Math.abs(ece - ece_uncalibrated)).toBeLessThan(0.02)
})

test('a temperature follows a head that becomes surer', () => {
  const opened = open()
  learn(opened, stream(3000, 1))
  const before = factsOf(opened.quality).temperature
  learn(opened, stream(3000, 4, 2))
  expect(factsOf(opened.quality).temperature).toBeGreaterThan(3 * before)
})

test('the loss that gates and triggers read is that of the weights', () => {
  const opened = open()
  const [row] = [...stream(1, 3)]
  const before = opened.task.score(row!.outputs, row!.target, labels)
  learn(opened, stream(1000, 3))
  expect(opened.task.score(row!.outputs, row!.target, labels)).toEqual(before)
})

test('with `calibration: none` no version has a temperature, and scores are those of the weights', () => {
  const opened = open({ calibration: 'none' })
  learn(opened, stream(1000, 3))
  expect(opened.quality.facts?.()).toEqual({})
  const { temperature, ece, ece_uncalibrated } = reportOf(opened.quality).calibration
  expect(temperature).toBe(1)
  expect(ece).toBe(ece_uncalibrated)
  expect(opened.quality.snapshot()).not.toHaveProperty('temperature')
})

test('a version before the first example has none, and neither has one with a temperature that makes no sense', () => {
  const { task, quality } = open()
  expect(quality.facts?.()).toEqual({})
  const outputs = Float32Array.of(1, 2, 0)
  const plain = task.decode(outputs, ofRow({ labels }))
  for (const temperature of [0, -1, null, 'x'])
    expect(task.decode(outputs, ofRow({ labels, calibration: { temperature } }))).toEqual(plain)
})

test('a label that no head knows is a wrong answer, and moves no temperature', () => {
  const { task, quality } = open()
  const target: LabelTarget = { kind: 'label', label: 'unknown' }
  for (let at = 0; at < 100; at += 1)
    quality.observe(task.score(Float32Array.of(4, 0, 0), target, labels), target)
  expect(reportOf(quality).calibration).toMatchObject({ temperature: 1, events: 100 })
  expect(reportOf(quality).calibration.ece).toBeGreaterThan(0.9)
})

describe('an answer below the threshold', () => {
  const { task } = open({ ...answers, unsure: 0.6 })
  const chances = (...some: number[]) => Float32Array.from(some, Math.log)

  test('says so, and keeps label and scores', () => {
    const answer = task.decode(chances(0.5, 0.3, 0.2), ofRow({ labels }))
    expect(answer).toMatchObject({ label: 'a', unsure: true })
    expect(answer.scores).toEqual({
      a: expect.closeTo(0.5, 6) as number,
      b: expect.closeTo(0.3, 6) as number,
      c: expect.closeTo(0.2, 6) as number,
    })
    expect(task.view.answer(answer)).toMatchObject({ label: 'a', unsure: true })
    expect(task.view.served(answer)).toEqual({ text: 'a', shown: { label: 'a' } })
  })

  test('is one whose score with the temperature is below it', () => {
    const outputs = chances(0.7, 0.2, 0.1)
    expect(task.decode(outputs, ofRow({ labels }))).not.toHaveProperty('unsure')
    const facts = { labels, calibration: { temperature: 3 } }
    expect(task.decode(outputs, ofRow(facts))).toMatchObject({ label: 'a', unsure: true })
  })

  test('is none without a threshold, and none while there is no label', () => {
    const plain = open().task
    expect(plain.decode(chances(0.5, 0.3, 0.2), ofRow({ labels }))).not.toHaveProperty('unsure')
    expect(task.decode(new Float32Array(), ofRow({ labels: [] }))).not.toHaveProperty('unsure')
  })
})

describe('the sure answers', () => {
  test('are counted with how many of them were right, by the scores as they are served', () => {
    const opened = open({ ...answers, unsure: 0.6 })
    learn(opened, stream(4000, 3))
    const { sure, accuracy } = reportOf(opened.quality)
    expect(sure).toMatchObject({ threshold: 0.6 })
    expect(sure!.coverage).toBeGreaterThan(0.3)
    expect(sure!.coverage).toBeLessThan(0.9)
    expect(sure!.accuracy).toBeGreaterThan(accuracy + 0.05)
    // The raw scores, three times too sure, would have called nearly all of them sure.
    const raw = open({ calibration: 'none', unsure: 0.6 })
    learn(raw, stream(4000, 3))
    expect(reportOf(raw.quality).sure!.coverage).toBeGreaterThan(sure!.coverage + 0.1)
  })

  test('are those of the window, over two blocks, after a restart too', () => {
    const opened = open({ ...answers, unsure: 0.6 })
    learn(opened, stream(6000, 1))
    const again = open({ ...answers, unsure: 0.6 })
    again.quality.restore(JSON.parse(JSON.stringify(opened.quality.snapshot())) as never)
    learn(opened, stream(100, 1, 2))
    learn(again, stream(100, 1, 2))
    expect(again.quality.report()).toEqual(opened.quality.report())
    expect(again.quality.snapshot()).toEqual(opened.quality.snapshot())
  })

  test('are counted from the start under another threshold', () => {
    const opened = open({ ...answers, unsure: 0.6 })
    learn(opened, stream(100, 1))
    const other = open({ ...answers, unsure: 0.9 })
    other.quality.restore(opened.quality.snapshot())
    expect(reportOf(other.quality).sure).toEqual({ threshold: 0.9, coverage: 0, accuracy: null })
    expect(reportOf(other.quality).calibration).toEqual(reportOf(opened.quality).calibration)
  })
})

test('a checkpoint from before there was a temperature opens, and its ten bins start again', () => {
  const opened = open({ ...answers, unsure: 0.6 })
  learn(opened, stream(100, 1))
  const {
    temperature: _,
    window,
    ...rest
  } = opened.quality.snapshot() as unknown as {
    readonly temperature: unknown
    readonly window: readonly [{ readonly bins: unknown }, null]
  }
  const { served: _s, sure: _u, ...block } = window[0] as Readonly<Record<string, unknown>>
  const bins = Array.from({ length: 10 }, () => [10, 5, 6])
  const old = { ...rest, window: [{ ...block, bins }, null] }
  const again = open({ ...answers, unsure: 0.6 })
  again.quality.restore(JSON.parse(JSON.stringify(old)) as never)
  expect(reportOf(again.quality)).toMatchObject({
    window_events: 100,
    calibration: { temperature: 1, ece: 0, events: 0 },
    sure: { coverage: 0 },
  })
  learn(again, stream(100, 1, 2))
  expect(reportOf(again.quality).calibration.events).toBe(100)
})
