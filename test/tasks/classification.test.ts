import { describe, expect, it, test } from 'vitest'
import type { Tensor } from '../../src/contracts/core.ts'
import type { FeedbackSignal } from '../../src/contracts/event.ts'
import type { LabelTarget as Target } from '../../src/tasks/classification/target.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'
import { thrown } from '../coded.ts'
import { classificationOf, ofRow } from './classification-of.ts'

const task = classificationOf({ open: true })
const aim = (
  signal: FeedbackSignal,
  served: string | undefined,
  { labels, ...rules }: Partial<LabelRules> & { readonly labels: readonly string[] },
) => classificationOf({ known: labels, ...rules }).target(signal, served, labels)
const row = (...logits: number[]) => Float32Array.from(logits)
const label = (name: string): Target => ({ kind: 'label', label: name })
const not = (name: string): Target => ({ kind: 'not', label: name })

describe('what a lesson aims at', () => {
  const closed = ['bad', 'good']
  const target = (rating: 1 | -1, served: string | undefined, labels: string[], open = false) =>
    aim({ kind: 'rating', rating }, served, { labels, open })

  it('is its label', () => {
    expect(
      aim({ kind: 'label', label: 'good' }, undefined, { labels: closed, open: false }),
    ).toEqual(label('good'))
  })

  it('may be a label that nobody has seen, but only when labels are open', () => {
    const lesson = { kind: 'label', label: 'odd' } as const
    expect(aim(lesson, undefined, { labels: closed, open: true })).toEqual(label('odd'))
    const error = thrown(() => aim(lesson, undefined, { labels: closed, open: false }))
    expect(error).toMatchObject({ code: 'LABEL_UNKNOWN', details: { label: 'odd' } })
  })

  it('names some of a thousand labels in a refusal, and says how many there are', () => {
    const labels = Array.from({ length: 1024 }, (_, at) => `label ${at}`.padEnd(128, '.'))
    const lesson = { kind: 'label', label: 'odd' } as const
    const error = thrown(() => aim(lesson, undefined, { labels, open: false }))
    expect(error.message).toContain('label 2.')
    expect(error.message).toContain('and 1021 more')
    expect(error.message.length).toBeLessThan(500)
    const short = Array.from({ length: 30 }, (_, at) => `l${at}`)
    const other = thrown(() => aim(lesson, undefined, { labels: short, open: false }))
    expect(other.message).toContain('l18, l19, and 10 more')
  })

  it.each([
    ['Positive', 'positive'],
    ['POSITVE', 'positive'],
    ['last of 30', 'Last of 30'],
    ['odd', undefined],
    ['Gone', undefined],
    ['p'.repeat(128), undefined],
  ])('%s is refused with the label that it probably means: %s', (sent, meant) => {
    const rest = Array.from({ length: 28 }, (_, at) => `${at} ${'-'.repeat(12)}`)
    const labels = ['positive', 'bad', 'gone', ...rest, 'Last of 30']
    const rules = { labels, open: false, retired: ['gone'] }
    const { message } = thrown(() => aim({ kind: 'label', label: sent }, undefined, rules))
    expect(/did you mean "(.*)"\?$/.exec(message)?.[1]).toBe(meant)
    expect(message).not.toContain('gone')
  })

  it('is the label of the head that was learned in another spelling, when there is no better one', () => {
    const open = (name: string, labels: string[]) =>
      aim({ kind: 'label', label: name }, undefined, { labels, open: true })
    expect(open('yes', ['no', ' yes'])).toEqual(label(' yes'))
    expect(open('yes', [' yes', 'yes'])).toEqual(label('yes'))
  })

  it('is the served label after thumbs up', () => {
    expect(target(1, 'bad', closed)).toEqual(label('bad'))
  })

  it('is the other one after thumbs down on one of two closed labels', () => {
    expect(target(-1, 'bad', closed)).toEqual(label('good'))
    expect(target(-1, 'good', closed)).toEqual(label('bad'))
  })

  it('is only not the served one where more than one other answer is possible', () => {
    expect(target(-1, 'a', ['a', 'b', 'c'])).toEqual(not('a'))
    expect(target(-1, 'a', ['a', 'b'], true)).toEqual(not('a'))
  })

  it('is refused for a rating of nothing', () => {
    for (const served of [undefined, ''])
      expect(thrown(() => target(1, served, closed)).code).toBe('RATING_NEEDS_PREDICTION')
  })

  it('is refused for a rating of a label that the model no longer has', () => {
    expect(thrown(() => target(-1, 'gone', closed)).code).toBe('LABEL_UNKNOWN')
  })
})

describe('an answer', () => {
  it('carries the softmax of all logits, in the order of the labels', () => {
    const answer = task.decode(row(0, Math.log(3)), ofRow({ labels: ['a', 'b'] }))
    expect(answer.label).toBe('b')
    expect(answer.score).toBeCloseTo(0.75, 6)
    expect(Object.keys(answer.scores)).toEqual(['a', 'b'])
    expect(answer.scores.a! + answer.scores.b!).toBeCloseTo(1, 12)
  })

  it('is the first label of several with the same score', () => {
    expect(task.decode(row(0, 2, 2), ofRow({ labels: ['a', 'b', 'c'] })).label).toBe('b')
    expect(task.decode(row(0, 0), ofRow({ labels: ['z', 'a'] })).label).toBe('z')
  })

  it('is empty, with score 0, while there is no label', () => {
    expect(task.decode(row(), ofRow({ labels: [] }))).toEqual({ label: '', score: 0, scores: {} })
  })

  it('survives logits that overflow an exponential', () => {
    expect(task.decode(row(-3000, 3000), ofRow({ labels: ['a', 'b'] }))).toMatchObject({
      label: 'b',
      score: 1,
    })
  })

  it('may be a label with the name of a property of every object', () => {
    const { scores } = task.decode(row(1, 0), ofRow({ labels: ['__proto__', 'constructor'] }))
    expect(Object.keys(scores)).toEqual(['__proto__', 'constructor'])
  })
})

describe('a score', () => {
  it('is the negative logarithm of what the wanted label got', () => {
    const score = task.score(row(0, Math.log(3)), label('a'), ['a', 'b'])
    expect(score).toMatchObject({ answer: 'b', error: 1 })
    expect(score.loss).toBeCloseTo(Math.log(4), 6)
  })

  it('is −log(1 − p) for an answer that was wrong, also where p is nearly 1', () => {
    const score = task.score(row(Math.log(3), 0), not('a'), ['a', 'b'])
    expect(score).toMatchObject({ answer: 'a', error: 1 })
    expect(score.loss).toBeCloseTo(Math.log(4), 6)
    expect(task.score(row(90, 0), not('a'), ['a', 'b']).loss).toBeCloseTo(90, 6)
  })

  it('takes an unknown label for a zero-started row, as it will be once it is learned', () => {
    const logits = row(0.3, -1)
    const before = task.score(logits, label('new'), ['a', 'b'])
    const after = task.score(row(...logits, 0), label('new'), ['a', 'b', 'new'])
    expect(before.loss).toBeCloseTo(after.loss, 12)
    expect(before.error).toBe(1)
    expect(task.score(row(), label('new'), [])).toEqual({
      answer: '',
      confidence: 0,
      error: 1,
      loss: 0,
    })
  })

  it('finds nothing to learn in a "not" that leaves no other label', () => {
    expect(task.score(row(5), not('a'), ['a']).loss).toBe(0)
    expect(lossAt(row(5), not('a'), ['a'])).toEqual({ loss: 0, gradient: [0] })
  })
})

interface LossFacts {
  readonly retired?: readonly string[]
  readonly among?: number[]
  readonly doubt?: number
}

/** What a row of share 1 adds. */
function lossAt(
  outputs: Float32Array,
  target: Target,
  head: readonly string[],
  { retired = [], among, doubt }: LossFacts = {},
) {
  const gradient = new Float32Array(outputs.length)
  const of = classificationOf({ known: head, retired })
  const loss = of.loss({ target, outputs, share: 1, doubt, among }, head, gradient, new Map())
  return { loss, gradient: [...gradient] }
}

describe('the loss of a row', () => {
  const outputs = row(0.5, -1, 2)
  const head = ['a', 'b', 'c']

  it.each<[string, Target, Parameters<typeof lossAt>[3]]>([
    ['a label', label('b'), {}],
    ['an answer that was wrong', not('c'), {}],
    ['a label that competes with one other', label('a'), { among: [0, 2] }],
    ['a label whose competition lacks it', label('a'), { among: [1, 2] }],
    ['a label beside a retired one', label('a'), { retired: ['c'] }],
    ['a label that may be wrong', label('b'), { doubt: 0.3 }],
    ['an answer that may have been right', not('b'), { doubt: 0.3 }],
    ['an answer that was wrong, of two that are left', not('a'), { retired: ['b'] }],
  ])('of %s has the gradient that it says', (_, target, more) => {
    const { gradient } = lossAt(outputs, target, head, more)
    const step = 1 / 256
    for (const [at, slope] of gradient.entries()) {
      const moved = (by: number) => outputs.map((z, k) => (k === at ? z + by : z))
      const [up, down] = [step, -step].map((by) => lossAt(moved(by), target, head, more).loss)
      expect(slope).toBeCloseTo((up! - down!) / (2 * step), 4)
    }
  })

  it('is the score of the same answer', () => {
    for (const target of [label('b'), not('c')])
      expect(lossAt(outputs, target, head).loss).toBeCloseTo(
        task.score(outputs, target, head).loss,
        12,
      )
  })

  it('of a label that may be wrong is lowest where the answer is as sure as the label', () => {
    const slopeAt = (z: number) =>
      lossAt(row(z, 0), label('a'), ['a', 'b'], { doubt: 0.2 }).gradient[0]!
    expect(slopeAt(Math.log(4))).toBeCloseTo(0, 6)
    expect(slopeAt(1)).toBeLessThan(0)
    expect(slopeAt(2)).toBeGreaterThan(0)
    const certain = (doubt: number) => lossAt(outputs, label('b'), head, { doubt })
    expect(certain(0)).toEqual(lossAt(outputs, label('b'), head))
    expect(certain(1)).toEqual(lossAt(outputs, not('b'), head))
  })

  it('counts for its share', () => {
    const gradient = new Float32Array(3)
    const part = { target: label('b'), outputs, share: 0.25 }
    const loss = task.loss(part, head, gradient, new Map())
    const whole = lossAt(outputs, label('b'), head)
    expect(loss).toBeCloseTo(whole.loss / 4, 12)
    for (const [at, slope] of gradient.entries()) expect(slope).toBeCloseTo(whole.gradient[at]! / 4)
  })
})

it('a target whose label the head does not have yet is a mistake of the caller', () => {
  expect(() => lossAt(row(0), label('new'), ['a'])).toThrow(/invariant/)
})

describe('growing', () => {
  const weight: Tensor = { shape: [2, 2], data: row(1, 2, 3, 4) }

  it('adds columns of zeros to what is shaped like the head, and leaves the rest alone', () => {
    expect(task.grow('head.weight', weight, 3)).toEqual({
      shape: [2, 3],
      data: row(1, 2, 0, 3, 4, 0),
    })
    expect(task.grow('head.bias', { shape: [1], data: row(7) }, 2)).toEqual({
      shape: [2],
      data: row(7, 0),
    })
    expect(task.grow('layer.0.lora_A', weight, 3)).toBe(weight)
  })

  it('begins with no label at all', () => {
    const none: Tensor = { shape: [3, 0], data: row() }
    expect(task.grow('head.weight', none, 2)).toEqual({ shape: [3, 2], data: new Float32Array(6) })
  })

  it('never takes labels away', () => {
    expect(() => task.grow('head.bias', { shape: [2], data: row(1, 2) }, 1)).toThrow(/shrink/)
  })
})

describe('retired labels', () => {
  const labels = ['a', 'old', 'b']
  const retired = ['old']
  const target = (lesson: FeedbackSignal, served?: string, open = false) =>
    aim(lesson, served, { labels, open, retired })

  it('are not answered, and the others share what they had', () => {
    const answer = task.decode(row(0, 9, Math.log(3)), ofRow({ labels, retired }))
    expect(answer.label).toBe('b')
    expect(Object.keys(answer.scores)).toEqual(['a', 'b'])
    expect(answer.scores.a).toBeCloseTo(0.25, 6)
    expect(answer.scores.b).toBeCloseTo(0.75, 6)
  })

  it('leave an empty answer when all are retired', () => {
    expect(task.decode(row(1, 2, 3), ofRow({ labels, retired: labels }))).toEqual({
      label: '',
      score: 0,
      scores: {},
    })
  })

  it('take no part in scores', () => {
    const score = classificationOf({ known: labels, retired }).score(
      row(0, 9, Math.log(3)),
      label('a'),
      labels,
    )
    expect(score).toMatchObject({ answer: 'b', error: 1 })
    expect(score.loss).toBeCloseTo(Math.log(4), 6)
  })

  it('cannot be taught, by name, by thumbs up or by thumbs down, also when labels are open', () => {
    for (const open of [false, true])
      for (const wrong of [
        () => target({ kind: 'label', label: 'old' }, undefined, open),
        () => target({ kind: 'rating', rating: 1 }, 'old', open),
        () => target({ kind: 'rating', rating: -1 }, 'old', open),
      ])
        expect(thrown(wrong)).toMatchObject({ code: 'LABEL_RETIRED', details: { label: 'old' } })
  })

  it('do not count when thumbs down decide between two', () => {
    expect(target({ kind: 'rating', rating: -1 }, 'a')).toEqual(label('b'))
  })

  it('teach nothing in a step, and a `not` needs two others', () => {
    const isTaught = (target: Target, out: readonly string[]) =>
      lossAt(row(1, 2, 3), target, labels, { retired: out }).gradient.some((slope) => slope !== 0)
    expect(isTaught(label('old'), retired)).toBe(false)
    expect(isTaught(not('a'), retired)).toBe(true)
    expect(isTaught(not('a'), ['old', 'b'])).toBe(false)
  })
})

describe('a label that selects events', () => {
  it.each([
    ['refund', 'refund'],
    [' refund\t', 'refund'],
    ['money_back', 'refund'],
    ['cafe\u0301', 'caf\u00e9'],
  ])('%j means %j', (label, meant) => {
    const of = classificationOf({ known: ['refund', 'café'], renamed: { money_back: 'refund' } })
    expect(of.selected({ label })).toBe(meant)
    expect(of.selected({ source: label })).toBeUndefined()
  })
})

test('renaming labels leaves a source and a slice with the name of a label as they are', () => {
  const of = classificationOf({ known: ['refund'], renamed: { money_back: 'refund' } })
  const rows = [['money_back', 1]] as const
  expect(of.renaming(['money_back'])?.state({ rows, sources: { rows }, slices: { rows } })).toEqual(
    {
      rows: [['refund', 1]],
      sources: { rows },
      slices: { rows },
    },
  )
})
