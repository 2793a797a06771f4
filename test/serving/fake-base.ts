/** A base that reads text as the codes of its characters, and a task that says what the logits said. */
import { isOf } from '../../src/contracts/payload.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { tokensOf } from '../../src/bases/text-base.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Task } from '../../src/contracts/task.ts'
import type { Answer } from '../../src/tasks/classification/score.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { failure } from '../../src/platform/errors.ts'
import { classificationOf } from '../tasks/classification-of.ts'

export const fakeBase: Pick<Base, 'name' | 'hash' | 'reads' | 'encode'> = {
  name: 'fake',
  hash: 'hash',
  reads: [text],
  encode(input, maxTokens) {
    if (!isOf(input, text)) throw failure('INPUT_WRONG_KIND', 'the base reads text')
    const codes = Array.from(input.text, (character) => character.codePointAt(0) ?? 0)
    return tokensOf(codes.slice(0, maxTokens), codes.length - maxTokens)
  },
}

/** score = the version that the engine used, scores.row = the first id that it saw. */
export const fakeTask: Task<LabelTarget, Answer> = {
  ...classificationOf(),
  decode: (logits, { facts: { labels } }) => ({
    label: (labels as readonly string[])[0] ?? '',
    score: logits[0] ?? 0,
    scores: logits.length === 0 ? {} : { row: logits[1] ?? 0 },
  }),
}
