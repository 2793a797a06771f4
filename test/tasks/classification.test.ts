import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../src/contracts/core.ts'
import type { FeedbackSignal } from '../../src/contracts/stream.ts'
import type { Target } from '../../src/contracts/task.ts'
import { classification as task } from '../../src/tasks/classification/classification.ts'
import { thrown } from '../coded.ts'

const row = (...logits: number[]) => Float32Array.from(logits)
const label = (name: string): Target => ({ kind: 'label', label: name })
const not = (name: string): Target => ({ kind: 'not', label: name })

describe('what a lesson aims at', () => {
  const closed = ['bad', 'good']
  const target = (rating: 1 | -1, served: string | undefined, labels: string[], open = false) =>
    task.target({ kind: 'rating', rating }, served, { labels, open })

  it('is its label', () => {
    expect(
      task.target({ kind: 'label', label: 'good' }, undefined, { labels: closed, open: false }),
    ).toEqual(label('good'))
  })

  it('may be a label that nobody has seen, but only when labels are open', () => {
    const lesson = { kind: 'label', label: 'odd' } as const
    expect(task.target(lesson, undefined, { labels: closed, open: true })).toEqual(label('odd'))
    const error = thrown(() => task.target(lesson, undefined, { labels: closed, open: false }))
    expect(error).toMatchObject({ code: 'LABEL_UNKNOWN', details: { label: 'odd' } })
  })

  it('names some of a thousand labels in a refusal, and says how many there are', () => {
    const labels = Array.from({ length: 1024 }, (_, at) => `label ${at}`.padEnd(128, '.'))
    const lesson = { kind: 'label', label: 'odd' } as const
    const error = thrown(() => task.target(lesson, undefined, { labels, open: false }))
    expect(error.message).toContain('label 2.')
    expect(error.message).toContain('and 1021 more')
    expect(error.message.length).toBeLessThan(500)
    const short = Array.from({ length: 30 }, (_, at) => `l${at}`)
    const other = thrown(() => task.target(lesson, undefined, { labels: short, open: false }))
    expect(other.message).toContain('l18, l19, and 10 more')
  })

  it('is the label of the head that was learned in another spelling, when there is no better one', () => {
    const open = (name: string, labels: string[]) =>
      task.target({ kind: 'label', label: name }, undefined, { labels, open: true })
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
    const answer = task.decode(row(0, Math.log(3)), ['a', 'b'])
    expect(answer.label).toBe('b')
    expect(answer.score).toBeCloseTo(0.75, 6)
    expect(Object.keys(answer.scores)).toEqual(['a', 'b'])
    expect(answer.scores.a! + answer.scores.b!).toBeCloseTo(1, 12)
  })

  it('is the first label of several with the same score', () => {
    expect(task.decode(row(0, 2, 2), ['a', 'b', 'c']).label).toBe('b')
    expect(task.decode(row(0, 0), ['z', 'a']).label).toBe('z')
  })

  it('is empty, with score 0, while there is no label', () => {
    expect(task.decode(row(), [])).toEqual({ label: '', score: 0, scores: {} })
  })

  it('survives logits that overflow an exponential', () => {
    expect(task.decode(row(-3000, 3000), ['a', 'b'])).toMatchObject({ label: 'b', score: 1 })
  })

  it('may be a label with the name of a property of every object', () => {
    const { scores } = task.decode(row(1, 0), ['__proto__', 'constructor'])
    expect(Object.keys(scores)).toEqual(['__proto__', 'constructor'])
  })
})

describe('a score', () => {
  it('is the negative logarithm of what the wanted label got', () => {
    const score = task.score(row(0, Math.log(3)), label('a'), ['a', 'b'])
    expect(score).toMatchObject({ answer: 'b', correct: false })
    expect(score.loss).toBeCloseTo(Math.log(4), 6)
  })

  it('is −log(1 − p) for an answer that was wrong, also where p is nearly 1', () => {
    const score = task.score(row(Math.log(3), 0), not('a'), ['a', 'b'])
    expect(score).toMatchObject({ answer: 'a', correct: false })
    expect(score.loss).toBeCloseTo(Math.log(4), 6)
    expect(task.score(row(90, 0), not('a'), ['a', 'b']).loss).toBeCloseTo(90, 6)
  })

  it('takes an unknown label for a zero-started row, as it will be once it is learned', () => {
    const logits = row(0.3, -1)
    const before = task.score(logits, label('new'), ['a', 'b'])
    const after = task.score(row(...logits, 0), label('new'), ['a', 'b', 'new'])
    expect(before.loss).toBeCloseTo(after.loss, 12)
    expect(before.correct).toBe(false)
    expect(task.score(row(), label('new'), [])).toEqual({
      answer: '',
      confidence: 0,
      correct: false,
      loss: 0,
    })
  })

  it('finds nothing to learn in a "not" that leaves no other label', () => {
    expect(task.score(row(5), not('a'), ['a']).loss).toBe(0)
    const { wanted, unwanted } = task.targets([not('a')], ['a'])
    expect([...wanted.data, ...unwanted.data]).toEqual([0, 0])
  })
})

it('targets of a batch say what to raise and what to lower', () => {
  const { wanted, unwanted } = task.targets([label('b'), not('a')], ['a', 'b', 'c'])
  expect(wanted).toEqual({ shape: [2, 3], data: row(0, 1, 0, 0, 0, 0) })
  expect(unwanted).toEqual({ shape: [2, 3], data: row(0, 0, 0, 1, 0, 0) })
})

it('a target whose label the head does not have yet is a mistake of the caller', () => {
  expect(() => task.targets([label('new')], ['a'])).toThrow(/invariant/)
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
    task.target(lesson, served, { labels, open, retired })

  it('are not answered, and the others share what they had', () => {
    const answer = task.decode(row(0, 9, Math.log(3)), labels, retired)
    expect(answer.label).toBe('b')
    expect(Object.keys(answer.scores)).toEqual(['a', 'b'])
    expect(answer.scores.a).toBeCloseTo(0.25, 6)
    expect(answer.scores.b).toBeCloseTo(0.75, 6)
  })

  it('leave an empty answer when all are retired', () => {
    expect(task.decode(row(1, 2, 3), labels, labels)).toEqual({ label: '', score: 0, scores: {} })
  })

  it('take no part in scores', () => {
    const score = task.score(row(0, 9, Math.log(3)), label('a'), labels, retired)
    expect(score).toMatchObject({ answer: 'b', correct: false })
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

  it('want nothing in a step, and a `not` needs two others', () => {
    const sum = ({ data }: Tensor) => data.reduce((total, value) => total + value, 0)
    const of = (one: Target, out: string[]) => {
      const { wanted, unwanted } = task.targets([one], labels, out)
      return [sum(wanted), sum(unwanted)]
    }
    expect(of(label('old'), retired)).toEqual([0, 0])
    expect(of(not('a'), retired)).toEqual([0, 1])
    expect(of(not('a'), ['old', 'b'])).toEqual([0, 0])
  })
})
