/**
 * The tokens of an example: the prompt, and behind it each answer with the token that ends it. An answer that does not fit is
 * cut at its end, and then nothing ends it; a prompt that leaves no room for an answer is refused.
 */
import type { Encoded, TokenSequence } from '../../contracts/network.ts'
import type { Input } from '../../contracts/stream.ts'
import type { TextLimits } from '../../contracts/task.ts'
import { failure, invariant } from '../../platform/errors.ts'

export interface Texts {
  readonly input: Input
  readonly answers: readonly string[]
  readonly isCompared: boolean
}

export function encodeTexts(
  { input, answers, isCompared }: Texts,
  { language, maxTokens }: TextLimits,
): Encoded {
  const prompt = language.prompt(input)
  const most = Math.min(maxTokens, language.positions)
  const room = most - prompt.length
  if (prompt.length === 0) throw failure('INPUT_EMPTY', 'the prompt has no tokens')
  if (room < 1) {
    const fix = 'shorten the conversation, or raise max_tokens of the model'
    const message = `the prompt has ${prompt.length} tokens of at most ${most}, which leaves none for an answer`
    throw failure('INPUT_TOO_LONG', message, { fix })
  }
  const ids: number[] = []
  const sequences: TokenSequence[] = []
  let dropped = 0
  for (const answer of answers) {
    const whole = [...language.tokens(answer), ...language.ends.slice(0, 1)]
    const kept = whole.slice(0, room)
    dropped += whole.length - kept.length
    ids.push(...prompt, ...kept)
    sequences.push({ length: prompt.length + kept.length, answerFrom: prompt.length })
  }
  return {
    kind: 'tokens',
    ids: Int32Array.from(ids),
    sequences,
    ...(dropped > 0 && { dropped }),
    ...(isCompared && { isCompared }),
  }
}

/** The prompt of one with the answer of the other, both of one sequence; cut at its end. */
export function exchangedTexts(prompt: Encoded, answer: Encoded, maxTokens: number): Encoded {
  const [before, after] = [parted(prompt).before, parted(answer).after]
  const ids = Int32Array.from([...before, ...after].slice(0, maxTokens))
  const sequences = [{ length: ids.length, answerFrom: before.length }]
  return { kind: 'tokens', ids, sequences, isCompared: true }
}

function parted(row: Encoded) {
  const [sequence] = row.kind === 'tokens' ? (row.sequences ?? []) : []
  invariant(row.kind === 'tokens' && sequence !== undefined, 'a row of texts has sequences')
  const { length, answerFrom } = sequence
  return { before: row.ids.slice(0, answerFrom), after: row.ids.slice(answerFrom, length) }
}
