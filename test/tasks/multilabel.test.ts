/** What is particular to any number of labels: thresholds, ratings of a whole answer, what is known in part, and other names. */
import { expect, test } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'
import { ofRow } from './classification-of.ts'

const rules = { open: false, known: ['a', 'rare'], retired: [], limit: 8 }
const head = ['a', 'rare']

test('a rare label gets a lower threshold of its own, which a version keeps, and is found', () => {
  const task = openMultilabel(rules)
  const random = openRandom(1, 'rare')
  const quality = task.openQuality(8)
  for (let at = 0; at < 2000; at += 1) {
    const isRare = at % 50 === 0
    const outputs = Float32Array.of(3, (isRare ? -2 : -6) + random.normal() / 4)
    const target = { kind: 'all', yes: isRare ? ['a', 'rare'] : ['a'] } as const
    quality.observe(task.score(outputs, target, head), target)
  }
  const { labels, micro_f1 } = quality.report() as unknown as {
    readonly labels: readonly { readonly label: string; readonly recall: number }[]
    readonly micro_f1: number
  }
  expect(labels.find(({ label }) => label === 'rare')!.recall).toBeGreaterThan(0.9)
  expect(micro_f1).toBeGreaterThan(0.98)
  const facts = { ...task.facts(head), ...quality.facts!() }
  const said = (outputs: Float32Array) =>
    task.decode(outputs, ofRow(facts)).labels.map(({ label }) => label)
  expect(said(Float32Array.of(3, -2))).toEqual(['a', 'rare'])
  expect(said(Float32Array.of(3, -6))).toEqual(['a'])
  const renamed = openMultilabel({ ...rules, known: ['a', 'seldom'], renamed: { rare: 'seldom' } })
  const answer = renamed.decode(Float32Array.of(3, -2), ofRow(facts))
  expect(answer.labels.map(({ label }) => label)).toEqual(['a', 'seldom'])
})

test('a thumb down lowers the probability of the whole answer, and of no other one alone', () => {
  const task = openMultilabel(rules)
  const target = task.target({ kind: 'rating', rating: -1 }, '["a"]', head)
  const gradient = new Float32Array(2)
  task.loss({ target, outputs: Float32Array.of(1, -1), share: 1 }, head, gradient, new Map())
  // Down for what was said, up for what was not.
  expect(gradient[0]).toBeGreaterThan(0)
  expect(gradient[1]).toBeLessThan(0)
  expect(task.judge('["a"]', target)).toBe(1)
  expect(task.judge('["a","rare"]', target)).toBe(0)
})

test('labels that feedback does not name are neither learned nor scored', () => {
  const task = openMultilabel(rules)
  const target = task.target({ kind: 'yes_no', yes: [], no: ['rare'] }, undefined, head)
  const gradient = new Float32Array(2)
  task.loss({ target, outputs: Float32Array.of(1, 1), share: 1 }, head, gradient, new Map())
  expect(gradient[0]).toBe(0)
  expect(gradient[1]).toBeGreaterThan(0)
  expect(task.judge('["a"]', target)).toBe(0)
  expect(task.judge('["a","rare"]', target)).toBe(1)
})

test('a label that appears late is not answered for what never had it, however much is taught of it at once', () => {
  const random = openRandom(1, 'late')
  const task = openMultilabel({ ...rules, open: true, known: [] })
  const quality = task.openQuality(8)
  const observe = (
    labels: readonly string[],
    outputs: readonly number[],
    yes: readonly string[],
  ) => {
    const target = { kind: 'all', yes } as const
    quality.observe(task.score(Float32Array.from(outputs), target, labels), target)
  }
  const late = (has: boolean) => (has ? 0.5 : -1.5) + random.normal()
  for (let at = 0; at < 400; at += 1) observe(['a'], [8 * (at % 2) - 4], at % 2 === 1 ? ['a'] : [])
  // Its first examples come before the model has it, and two of three examples have it.
  for (let at = 0; at < 120; at += 1) {
    const has = at % 3 !== 0
    if (at < 24) observe(['a'], [-4], has ? ['late'] : [])
    else observe(['a', 'late'], [-4, late(has)], has ? ['late'] : [])
  }
  const facts = { ...task.facts(['a', 'late']), ...quality.facts!() }
  const without = Array.from({ length: 500 }, () =>
    task.decode(Float32Array.of(-4, late(false)), ofRow(facts)),
  )
  const wrong = without.filter(({ labels }) => labels.some(({ label }) => label === 'late'))
  expect(wrong.length / without.length).toBeLessThan(0.1)
  const found = Array.from({ length: 500 }, () =>
    task.decode(Float32Array.of(-4, late(true)), ofRow(facts)),
  )
  expect(found.filter(({ labels }) => labels.length > 0).length / found.length).toBeGreaterThan(0.4)
})
