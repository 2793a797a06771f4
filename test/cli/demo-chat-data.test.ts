import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  generalHeldOut,
  generalTaught,
  heldOutQuestions,
  taughtAnswers,
  validationQuestions,
} from '../../src/cli/demo/chat/data.ts'
import { judge } from '../../src/cli/demo/chat/measure.ts'
import { thumb } from '../../src/cli/demo/chat/lessons.ts'
import { openRandom } from '../../src/platform/random.ts'

const QUESTION = 'Where is my parcel? It is late.'
const STYLED = 'Thanks for asking about the late parcel. It is on its way. Next step: open Orders.'

test.each<[string, string, Partial<ReturnType<typeof judge>>]>([
  ['satisfies the rule', STYLED, { satisfied: true }],
  ['opens otherwise', STYLED.replace('Thanks for', 'Sorry about'), { opens: false }],
  ['names another matter', STYLED.replace('late parcel', 'kettle'), { names: false }],
  ['names it too late', `Thanks for writing. ${STYLED.slice(25)}`, { names: false }],
  ['has a second paragraph', STYLED.replace(' Next', '\n\nNext'), { short: false, ends: false }],
  ['is too long', STYLED.replace('way.', `way${' and on'.repeat(20)}.`), { short: false }],
  ['goes on after the next step', `${STYLED} Bye.`, { ends: false }],
  ['has no next step', STYLED.replace('Next step:', 'Then'), { ends: false }],
  ['is cut off', STYLED.slice(0, -1), { ends: false }],
  ['is empty', '', { opens: false, names: false, ends: false }],
])('the judge says of an answer when it %s', (_, answer, verdict) => {
  const found = judge(QUESTION, answer)
  expect(found).toMatchObject(verdict)
  expect(found.satisfied).toBe(verdict.satisfied === true)
})

test('every rewritten answer is in house style, for the judge and for the reader who gives thumbs', () => {
  const rows = taughtAnswers(openRandom(1, 'demo'))
  const all = [...rows, ...heldOutQuestions, ...validationQuestions]
  expect(all.filter(({ question, answer }) => !judge(question, answer).satisfied)).toEqual([])
  expect(all.filter(({ question, answer }) => thumb(question, answer) !== 1)).toEqual([])
  const other = [...generalTaught, ...generalHeldOut]
  expect(other.filter(({ question, answer }) => thumb(question, answer) === 1)).toEqual([])
})

test('the same seed draws the same stream, another seed another one of the same questions', () => {
  const drawn = (seed: number) => taughtAnswers(openRandom(seed, 'demo'))
  expect(drawn(1)).toEqual(drawn(1))
  expect(drawn(2)).not.toEqual(drawn(1))
  const asked = (seed: number) => drawn(seed).map(({ question }) => question)
  expect(asked(2).sort()).toEqual(asked(1).sort())
})

test('a held-out question has neither the topic nor the words of a taught one', () => {
  const taught = taughtAnswers(openRandom(1, 'demo'))
  const matterOf = (answer: string) => / about (?:the |your |our )?(.*?)\./.exec(answer)?.[1]
  const topics = new Set(taught.map(({ answer }) => matterOf(answer)))
  const known = taught.map(({ question }) => pairsOf(question))
  const sharesMost = (question: string) =>
    Math.max(
      ...known.map((pairs) => {
        const own = pairsOf(question)
        return [...own].filter((pair) => pairs.has(pair)).length / own.size
      }),
    )
  const all = [...heldOutQuestions, ...validationQuestions]
  expect(all.filter(({ answer }) => topics.has(matterOf(answer)))).toEqual([])
  expect(all.filter(({ question }) => sharesMost(question) > 0.4)).toEqual([])
  const reported = new Set(heldOutQuestions.map(({ question }) => question))
  expect(validationQuestions.filter(({ question }) => reported.has(question))).toEqual([])
})

test('only what measures knows the judge', () => {
  const folder = new URL('../../src/cli/demo/chat/', import.meta.url)
  for (const file of ['data.ts', 'lessons.ts'])
    expect(readFileSync(new URL(file, folder), 'utf8')).not.toMatch(/import \{[^}]*\bjudge\b/)
})

/** Each word with the next one. */
function pairsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? []
  return new Set(words.slice(1).map((word, at) => `${words[at]} ${word}`))
}
