/**
 * The tokens of an example: the prompt, and behind it each answer with the token that ends it. An answer that does not fit is
 * cut at its end, and then nothing ends it; a prompt that leaves no room for one is refused, or loses its oldest turns.
 */
import type { Encoded, TokenSequence } from '../../contracts/network.ts'
import type { Input } from '../../contracts/event.ts'
import type { ContextOverflow, TextLimits } from '../../contracts/text-task.ts'
import { fittedPrompt } from '../../nn/fitted-prompt.ts'
import { invariant } from '../../platform/errors.ts'

export interface Texts {
  readonly input: Input
  readonly answers: readonly string[]
  readonly isCompared: boolean
  readonly overflow: ContextOverflow
}

export function encodeTexts(
  { input, answers, isCompared, overflow }: Texts,
  { language, maxTokens }: TextLimits,
): Encoded {
  const most = Math.min(maxTokens, language.positions)
  const wholes = answers.map((answer) => [...language.tokens(answer), ...language.ends.slice(0, 1)])
  const longest = Math.max(...wholes.map(({ length }) => length))
  const fitted = fittedPrompt(language, input, { most, answer: longest, overflow })
  const prompt = fitted.ids
  const room = most - prompt.length
  const ids: number[] = []
  const sequences: TokenSequence[] = []
  let { dropped } = fitted
  for (const whole of wholes) {
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
