/** A memory of facts: which questions are the same, and what teaching one does to the others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { retrieval } from '../../policies/memory/retrieval.ts'
import type { LanguageModel } from '../../src/contracts/base.ts'
import { isOf } from '../../src/contracts/payload.ts'
import type { MemoryItem } from '../../src/contracts/policy.ts'
import { lessonTensors } from '../../src/nn/lessons.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { failure } from '../../src/platform/errors.ts'
import { Lessons, type LessonParts } from '../../src/serving/services/generation/retrieval.ts'
import { openGeneration } from '../../src/tasks/generation/generation.ts'
import type { Version } from '../../src/versions/contract.ts'
import { asKey } from '../example-key.ts'
import { fakeLanguage } from '../serving/fake-writing.ts'
import { root } from '../source-tree.ts'

/** A token is a code point. */
const language: LanguageModel = {
  ...fakeLanguage,
  prompt(input) {
    if (!isOf(input, text)) throw failure('INPUT_WRONG_KIND', 'text')
    return Int32Array.from(input.text, (each) => each.codePointAt(0)!)
  },
  text: (ids) => String.fromCodePoint(...ids),
}

const { recall } = openGeneration({
  ...{ max_tokens: 4, temperature: 1, top_p: 1, overflow: 'refuse', kl: 0, liked_weight: 0 },
  ...{ correction_weight: 1, general_batch: 0, reward_timeout: 30_000 },
  ...{ beta: 1, up_weight: 1, down_weight: 1 },
}).texts!

const sameOf = (asked: string) => recall.asked({ kind: 'text', text: asked }, language).same

/** `language TAB one TAB another`: they differ by a symbol, a number, a negation or a name. */
const pairs = readFileSync(join(root, 'test/reference/unlike-questions.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t') as [string, string, string])

const policy = retrieval.open({
  ...{ count: 1, similarity: -1, margin: 0, names: 'required', embedding: 'one' },
  ...{ capacity: 10, bytes: 4096, every: 1 },
})

/** A base that reads no symbols at all: every question has the same embedding. */
const parts = {
  ...{ policy: policy.retrieval!, recall, language },
  base: { encode: () => ({}) },
  trunk: {
    encode: async (rows: readonly unknown[]) =>
      Promise.resolve(rows.map(() => ({ data: Float32Array.of(1, 0), width: 2, positions: 1 }))),
  },
}

describe('two questions that differ by one symbol, number, negation or name', () => {
  test('there are 200 pairs of them, in five languages', () => {
    expect(pairs).toHaveLength(200)
    expect(new Set(pairs.map(([code]) => code)).size).toBe(5)
  })

  test('none is taken for the other with similarity 1, whatever compares them', async () => {
    for (const [, one, other] of pairs) {
      const lessons = new Lessons(parts as unknown as LessonParts)
      const stored = { source: 's', id: 'i', question: one, answer: 'yes', same: sameOf(one) }
      const version = { manifest: {}, parameters: lessonTensors([stored]) } as unknown as Version
      await lessons
        .beside({ load: async () => Promise.resolve(), unload: () => {} })
        .load('v', version)
      const [[itself], [unlike]] = (await lessons.near('v', [
        { kind: 'text', text: one },
        { kind: 'text', text: other },
      ])) as unknown as [[{ similarity: number }], [{ similarity: number }?]]
      expect([one, itself.similarity]).toEqual([one, 1])
      expect(unlike?.similarity ?? 0, other).toBeLessThan(1)
    }
  })

  test('teaching one never removes the other', () => {
    const item = (question: string): MemoryItem => ({
      key: asKey(question),
      vote: { source: 's', id: question, question, answer: 'yes', same: sameOf(question) },
      vector: new Float32Array(),
    })
    for (const [, one, other] of pairs)
      expect(policy.offer(item(other), [item(one)], { wasRight: false }), other).toEqual([])
  })
})

test.each([
  ['Do you support C#?', ' do you  support c#'],
  ['What is “Acme”?', 'What is Acme.'],
  ['Was heißt "Maß"?', 'was heißt maß?!'],
  ['Hello there!', 'hello there'],
  ['Cafe\u0301?', 'Café'],
])('%s is the same question as %s', (one, other) => {
  expect(sameOf(other)).toBe(sameOf(one))
})
