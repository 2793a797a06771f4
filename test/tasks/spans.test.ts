/** Spans: tags, the best path, places in characters, scores as seqeval has them, and what feedback means. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { bestSpans, columnsOf, tagAt, tagNames, tagsOf } from '../../src/tasks/spans/bioes.ts'
import { Characters } from '../../src/tasks/spans/places.ts'
import { countsOf, figuresOf, plus, type SpanCounts } from '../../src/tasks/spans/quality.ts'
import type { SpanTarget } from '../../src/tasks/spans/target.ts'
import { errorTable } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { thrown } from '../coded.ts'
import { inWords, said, spansOf, wordRow, type SaidRow } from './spans-of.ts'

type Triple = readonly [from: number, to: number, label: string]
interface Case {
  readonly texts: readonly {
    readonly length: number
    readonly right: readonly Triple[]
    readonly answered: readonly Triple[]
  }[]
  readonly tags: readonly string[]
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly labels: Readonly<Record<string, { readonly f1: number; readonly support: number }>>
}
const cases = JSON.parse(
  readFileSync(new URL('../reference/seqeval.json', import.meta.url), 'utf8'),
) as readonly Case[]

const labels = ['Disease', 'Gene', 'Drug']
const placed = (spans: readonly Triple[]) =>
  spans.map(([from, to, label]) => ({ start: from, end: to, from, to, label }))

test.each(cases)('precision, recall and F1 are those of seqeval', (each) => {
  const sums = new Map<string, SpanCounts>()
  for (const { right, answered } of each.texts)
    for (const [label, more] of countsOf(placed(answered), placed(right)))
      sums.set(label, plus(sums.get(label) ?? [0, 0, 0], more))
  const all = [...sums.values()].reduce<SpanCounts>((sum, more) => plus(sum, more), [0, 0, 0])
  const { precision, recall, f1 } = figuresOf(all)
  expect(precision).toBeCloseTo(each.precision, 10)
  expect(recall).toBeCloseTo(each.recall, 10)
  expect(f1).toBeCloseTo(each.f1, 10)
  for (const [label, { f1, support }] of Object.entries(each.labels)) {
    const counts = sums.get(label)!
    expect(counts[2]).toBe(support)
    expect(figuresOf(counts).f1 ?? 0).toBeCloseTo(f1, 10)
  }
  const [first] = each.texts
  const numbered = first!.answered.map(([from, to, label]) => ({
    ...{ from, to },
    label: labels.indexOf(label),
  }))
  const names = tagNames(labels)
  expect([...tagsOf(numbered, first!.length)].map((tag) => names[tag])).toEqual(each.tags)
})

describe('the best path', () => {
  test('gives back the spans of its tags, side by side too', () => {
    const spans = [
      { from: 0, to: 1, label: 1 },
      { from: 1, to: 3, label: 0 },
      { from: 3, to: 7, label: 0 },
    ]
    const outputs = new Float32Array(8 * columnsOf(2))
    for (const [at, tag] of tagsOf(spans, 8).entries()) outputs[at * columnsOf(2) + tag] = 9
    const found = bestSpans(outputs, 2)
    expect(found.map(({ from, to, label }) => ({ from, to, label }))).toEqual(spans)
    for (const { score } of found) expect(score).toBeGreaterThan(0.99)
  })

  test('is the best of all paths that keep the rules', () => {
    const random = openRandom(1, 'paths')
    const columns = columnsOf(2)
    for (let round = 0; round < 30; round += 1) {
      const outputs = Float32Array.from({ length: 4 * columns }, () => random.normal())
      const found = [...tagsOf(bestSpans(outputs, 2), 4)]
      const sum = (path: readonly number[]) =>
        path.reduce((total, tag, at) => total + outputs[at * columns + tag]!, 0)
      expect(sum(found)).toBeCloseTo(Math.max(...allPaths(4, 2).map(sum)), 5)
    }
  })

  test('answers no label that may not answer, and nothing where all outputs are equal', () => {
    const outputs = new Float32Array(3 * columnsOf(2))
    expect(bestSpans(outputs, 2)).toEqual([])
    outputs[columnsOf(2) + tagAt({ from: 1, to: 2, label: 1 }, 1)] = 5
    expect(bestSpans(outputs, 2)).toHaveLength(1)
    expect(bestSpans(outputs, 2, [0])).toEqual([])
  })
})

describe('places', () => {
  test('count Unicode code points', () => {
    const characters = new Characters('a😀b')
    expect(characters.count).toBe(3)
    expect([0, 1, 2, 3].map((at) => characters.unitAt(at))).toEqual([0, 1, 3, 4])
    expect([0, 1, 3, 4].map((at) => characters.characterAt(at))).toEqual([0, 1, 2, 3])
  })

  test('become positions, blanks at the ends left out', () => {
    const target = inWords('😀 has breast cancer now', said([5, 19, 'Disease']))
    expect(target).toEqual({
      kind: 'all',
      spans: [{ start: 6, end: 19, from: 2, to: 4, label: 'Disease' }],
      positions: 5,
    })
  })

  test('inside a token cover all of it, and no answer is exactly that', () => {
    const target = inWords('breast cancer', said([3, 6, 'Disease']))
    expect(target.spans).toEqual([
      { start: 3, end: 6, from: 0, to: 1, isWide: true, label: 'Disease' },
    ])
    const task = spansOf({ known: ['Disease'] })
    const outputs = new Float32Array(2 * 5)
    outputs[4] = 9
    expect(task.score(outputs, target, ['Disease']).error).toBe(1)
  })

  test.each([
    ['outside the text', [3, 30, 'Disease'], 'SPANS_OUTSIDE', '13 characters'],
    ['counted in UTF-16 units', [8, 15, 'Disease', 'cancer'], 'SPANS_OUTSIDE', '13 characters'],
    ['of another piece', [1, 7, 'Disease', 'breast'], 'SPANS_OUTSIDE', 'not "breast"'],
    ['of blanks', [6, 7, 'Disease'], 'SPANS_OUTSIDE', 'no visible character'],
  ] as const)('%s are refused', (_, span, code, message) => {
    const error = thrown(() => inWords('breast cancer', said(span)))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
    expect(errorTable[code].fix).toContain('code points')
  })

  test('beyond what the base reads are refused, and others are not', () => {
    const text = 'one two three four'
    const error = thrown(() => inWords(text, said([4, 12, 'N']), 2))
    expect(error.code).toBe('SPANS_CUT')
    expect(error.message).toContain('its first 7 characters')
    expect(inWords(text, said([4, 7, 'N']), 2).spans).toHaveLength(1)
  })

  test('that share a token are refused', () => {
    const error = thrown(() => inWords('and/or', said([0, 3, 'A'], [4, 6, 'A'])))
    expect(error.code).toBe('SPANS_OUTSIDE')
    expect(error.message).toContain('share a token')
  })
})

describe('feedback', () => {
  const task = spansOf({ known: ['Disease', 'Gene'] })
  const served = '[{"start":0,"end":6,"label":"Disease"},{"start":7,"end":13,"label":"Gene"}]'
  const text = 'breast cancer now'
  const row: EncodedRow = wordRow(text)
  const target = (signal: { readonly kind: string }, answer: string | undefined = served) =>
    task.placed!(task.target(signal, answer, task.start), {
      ...{ row, input: { kind: 'text', text } },
    })

  test('that adds a span leaves open what it does not name', () => {
    const added = target({
      ...{ kind: 'add_spans', add_spans: [{ start: 0, end: 13, label: 'Disease' }] },
    })
    expect(added).toMatchObject({ kind: 'some', spans: [{ from: 0, to: 2 }], not: [] })
    expect(task.isTest(added)).toBe(false)
    const gradient = new Float32Array(3 * 9)
    const outputs = new Float32Array(3 * 9)
    task.loss({ target: added, outputs, share: 1 }, task.start, gradient, new Map())
    expect([...gradient.subarray(18)].every((value) => value === 0)).toBe(true)
    expect(gradient[1]).toBeLessThan(0)
    // Both served spans were wrong, and one was missing.
    expect(task.judge(served, added)).toBe(1)
  })

  test('that removes a span makes all of its tags together less likely, and nothing else', () => {
    const removed = target({
      ...{ kind: 'remove_spans', remove_spans: [{ start: 7, end: 13 }] },
    })
    expect(removed.not).toEqual([{ start: 7, end: 13, from: 1, to: 2, label: 'Gene' }])
    const gradient = new Float32Array(3 * 9)
    task.loss(
      { target: removed, outputs: new Float32Array(3 * 9), share: 1 },
      ...([task.start, gradient, new Map()] as const),
    )
    expect([...gradient].flatMap((value, at) => (value === 0 ? [] : [at]))).toEqual(
      Array.from({ length: 9 }, (_, at) => 9 + at),
    )
    expect(gradient[9 + 8]).toBeGreaterThan(0)
    expect(task.judge(served, removed)).toBeCloseTo(1 - 2 / 3)
  })

  test('that removes what was not answered is refused', () => {
    const error = thrown(() =>
      target({ ...{ kind: 'remove_spans', remove_spans: [{ start: 8, end: 13 }] } }),
    )
    expect(error.code).toBe('SPANS_OUTSIDE')
    expect(error.message).toContain('it has 0–6 Disease, 7–13 Gene')
  })

  test('thumbs up confirms all of the answer, thumbs down says that something of it is wrong', () => {
    const up = target({ ...{ kind: 'rating', rating: 1 } })
    expect(up).toMatchObject({ kind: 'all', spans: [{ from: 0 }, { from: 1 }] })
    const down = target({ ...{ kind: 'rating', rating: -1 } })
    expect([task.judge(served, up), task.judge(served, down)]).toEqual([0, 1])
    const error = thrown(() => target({ ...{ kind: 'rating', rating: 1 } }, ''))
    expect(error.code).toBe('RATING_NEEDS_PREDICTION')
  })

  test('names only labels of a closed list', () => {
    const error = thrown(() => {
      task.admit({ ...{ kind: 'spans', spans: [{ start: 0, end: 2, label: 'Drug' }] } })
    })
    expect(error.code).toBe('LABEL_UNKNOWN')
  })

  test('on arrival is compared with the text that its event has', () => {
    const signal = { ...{ kind: 'spans', spans: [{ start: 0, end: 99, label: 'Gene' }] } } as never
    expect(() => {
      task.admit(signal)
    }).not.toThrow()
    expect(
      thrown(() => {
        task.admit(signal, { kind: 'text', text })
      }).code,
    ).toBe('SPANS_OUTSIDE')
  })
})

test('a new label brings four columns at the end, and outputs from before it still score', () => {
  const task = spansOf({ open: true })
  const target: SpanTarget = inWords('breast cancer', said([0, 6, 'Gene']), Infinity)
  const before = task.grown([], [inWords('a b', said([0, 1, 'Disease']))])
  const head = task.grown(before, [target])
  expect([before, head]).toEqual([['Disease'], ['Disease', 'Gene']])
  expect([task.outputs([]), task.outputs(before), task.outputs(head)]).toEqual([1, 5, 9])
  expect(task.shared(before, head)).toBe(5)
  const outputs = new Float32Array(2 * 5)
  outputs[4] = 9
  const { error, answer } = task.score(outputs, target, head)
  expect(answer).toEqual([{ from: 0, to: 1, label: 'Disease' }])
  expect(error).toBe(1)
})

test('the dictionary answers the piece that was most often a span, and learns where it was none', () => {
  const quality = spansOf({ known: ['Disease'] }).openQuality(8)
  const nothing = { answer: [], error: 0, loss: 0 }
  const seen = (text: string, ...spans: readonly SaidRow[]) => {
    quality.observe(nothing, inWords(text, said(...spans)), wordRow(text))
    return quality.report().baselines as { dictionary: { f1: number | null } }
  }
  seen('breast cancer hurts', [0, 13, 'Disease'])
  expect(seen('has breast cancer', [4, 17, 'Disease']).dictionary.f1).toBeCloseTo(2 / 3)
  for (let times = 0; times < 3; times += 1) seen('breast cancer ward')
  expect(seen('breast cancer ward').dictionary.f1).toBeLessThan(2 / 3)
})

function allPaths(length: number, labels: number): number[][] {
  const paths: number[][] = []
  const go = (path: number[]) => {
    const at = path.length
    if (at === length) {
      paths.push(path)
      return
    }
    go([...path, 0])
    for (let label = 0; label < labels; label += 1)
      for (let to = at + 1; to <= length; to += 1) {
        const span = { from: at, to, label }
        go([...path, ...Array.from({ length: to - at }, (_, k) => tagAt(span, at + k))])
      }
  }
  go([])
  return paths
}
