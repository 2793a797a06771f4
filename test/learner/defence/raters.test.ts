import { expect, test } from 'vitest'
import { Raters, type Verdict } from '../../../src/learner/defence/raters.ts'

/** Weights of ratings that come in turn: of each rater, its first ones. */
function weights(given: Readonly<Record<string, readonly Verdict[]>>): Record<string, number[]> {
  const raters = new Raters()
  const most = Math.max(...Object.values(given).map(({ length }) => length))
  const said: Record<string, number[]> = {}
  for (let at = 0; at < most; at += 1)
    for (const [source, verdicts] of Object.entries(given)) {
      const verdict = verdicts[at]
      if (verdict !== undefined) (said[source] ??= []).push(raters.weigh(source, verdict))
    }
  return said
}

const mixed = (count: number, likes: number): Verdict[] =>
  Array.from({ length: count }, (_, at) => (at % 10 < likes ? 1 : -1))
const people = (count: number, verdicts: readonly Verdict[]) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`rater-${at}`, verdicts]))
const last = (some: readonly number[] | undefined) => some?.at(-1)

test('one who likes nothing weighs as the others do with their thumbs down', () => {
  const { troll, 'rater-0': honest } = weights({
    ...people(9, mixed(50, 8)),
    troll: mixed(50, 0),
  })
  expect(last(troll)).toBeGreaterThan(0.15)
  expect(last(troll)).toBeLessThan(0.3)
  expect(last(honest)).toBeGreaterThan(0.9)
})

test('one who likes everything weighs less with each thumb up', () => {
  const { fan } = weights({ ...people(9, mixed(50, 5)), fan: mixed(50, 10) })
  expect(last(fan)).toBeCloseTo(0.5, 1)
})

test('where all complain, or none can be told from the others, a rating counts in full', () => {
  const all = weights(people(10, mixed(30, 0)))
  expect(
    Object.values(all)
      .flat()
      .every((weight) => weight > 0.9),
  ).toBe(true)
  const two = weights({ one: mixed(30, 9), troll: mixed(30, 0) })
  expect(Object.values(two).flat()).toEqual(Array.from({ length: 60 }, () => 1))
})

test('a loud one does not decide what is usual', () => {
  const given = { ...people(9, mixed(40, 7)), troll: mixed(400, 0) }
  expect(last(weights(given)['rater-3'])).toBeGreaterThan(0.9)
})

test('made-up names are one rater until they have rated often', () => {
  const names = Array.from({ length: 40 }, (_, at): [string, Verdict[]] => [`name-${at}`, [-1, -1]])
  const all = weights({ ...people(9, mixed(50, 8)), ...Object.fromEntries(names) })
  // While too few have rated often enough to say what is usual, all count in full.
  const raters = new Raters()
  for (let at = 0; at < 50; at += 1)
    for (const [source, verdicts] of Object.entries(people(9, mixed(50, 8))))
      raters.weigh(source, verdicts[at]!)
  const late = names.map(([name]) => raters.weigh(name, -1))
  expect(late.at(-1)).toBeLessThan(0.3)
  expect(last(all['name-0'])).toBe(1)
})

test.each<[what: string, turn: (raters: Raters) => number]>([
  [
    'changes every thumb up to a thumb down',
    (raters) => raters.weigh('troll', -1, { replaces: true }),
  ],
  [
    'takes each thumb up back',
    (raters) => {
      raters.takeBack('troll', 1)
      return raters.weigh('troll', -1)
    },
  ],
])('one who %s does not look balanced', (_, turn) => {
  const raters = new Raters()
  for (let at = 0; at < 50; at += 1)
    for (const [source, verdicts] of Object.entries(people(9, mixed(50, 8))))
      raters.weigh(source, verdicts[at]!)
  let weight = 1
  for (let at = 0; at < 50; at += 1) {
    raters.weigh('troll', 1)
    weight = turn(raters)
  }
  expect(weight).toBeLessThan(0.3)
})

test('a state that is restored weighs the same, and a forgotten name is in it no more', () => {
  const raters = new Raters()
  for (const [source, verdicts] of Object.entries(people(8, mixed(20, 6))))
    for (const verdict of verdicts) raters.weigh(source, verdict)
  const other = new Raters()
  other.restore(structuredClone(raters.snapshot()))
  expect(other.weigh('rater-0', -1)).toBe(raters.weigh('rater-0', -1))
  other.forget('rater-0')
  expect(JSON.stringify(other.snapshot())).not.toContain('rater-0')
})
