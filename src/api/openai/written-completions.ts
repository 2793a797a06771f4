/** Texts of a language model as completions of prompts, whole and as chunks. */
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { TokenLikelihood } from '../../serving/services/generation/contract.ts'
import { wholeTexts, writtenChunks, type BegunTexts, type ShownParts } from './written.ts'

export async function writtenCompletions(
  begun: BegunTexts,
  { logprobs }: Pick<ShownParts, 'logprobs'>,
) {
  const { texts, usage } = await wholeTexts(begun)
  const choices = texts.map(({ id, text, finish, logprobs: tokens }, index) => ({
    ...{ index, text, finish_reason: finish, id },
    logprobs: logprobs ? scoresOf(tokens, 0) : null,
  }))
  return { ...begun.head, object: 'text_completion', choices, usage }
}

export function completionChunks(
  begun: BegunTexts,
  { logprobs: isScored, includesUsage }: ShownParts,
): AsyncGenerator<Json> {
  const head = { ...begun.head, object: 'text_completion' }
  const written = begun.choices.map(() => 0)
  return writtenChunks(begun, head, { includesUsage }, (part) => {
    const { index, text, logprobs = [], finish } = part
    const offset = written[index] ?? 0
    written[index] = offset + text.length
    const choice = {
      ...{ index, text, id: begun.choices[index]?.id ?? '' },
      logprobs: isScored && logprobs.length > 0 ? scoresOf(logprobs, offset) : null,
      finish_reason: finish ?? null,
    }
    return [{ ...head, choices: [choice], ...(includesUsage && { usage: null }) }]
  })
}

/** `top_logprobs` also names the token that was written, as the API says. */
function scoresOf(tokens: readonly TokenLikelihood[], offset: number): Fields {
  let at = offset
  const offsets = tokens.map(({ token }) => {
    const here = at
    at += token.length
    return here
  })
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ token, logprob, likeliest = [] }) => ({
      ...Object.fromEntries(likeliest.map((each) => [each.token, each.logprob])),
      [token]: logprob,
    })),
    text_offset: offsets,
  }
}
