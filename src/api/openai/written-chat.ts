/** Texts of a language model as chat completions, whole and as chunks. */
import type { Json } from '../../contracts/core.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { TokenLikelihood } from '../../serving/services/generation/contract.ts'
import { tokenEntry } from './log-probabilities.ts'
import { wholeTexts, writtenChunks, type BegunTexts, type ShownParts } from './written.ts'

export async function writtenChat(begun: BegunTexts, { logprobs }: Pick<ShownParts, 'logprobs'>) {
  const { texts, usage } = await wholeTexts(begun)
  const choices = texts.map(({ id, text, finish, logprobs: tokens }, index) => ({
    ...{ index, id, message: { role: 'assistant', content: text, refusal: null } },
    logprobs: logprobs ? contentOf(tokens) : null,
    finish_reason: finish,
  }))
  return { ...begun.head, object: 'chat.completion', choices, usage }
}

/** The chunks of each choice: its role, its pieces as they are written, and how it ended; then the usage, if asked for. */
export async function* chatChunks(
  begun: BegunTexts,
  { logprobs: isScored, includesUsage }: ShownParts,
): AsyncGenerator<Json> {
  const head = { ...begun.head, object: 'chat.completion.chunk' }
  const chunk = (index: number, delta: Fields, finish: string | null, logprobs: Json = null) => ({
    ...head,
    choices: [
      { index, id: begun.choices[index]?.id ?? '', delta, logprobs, finish_reason: finish },
    ],
    ...(includesUsage && { usage: null }),
  })
  for (const index of begun.choices.keys())
    yield chunk(index, { role: 'assistant', content: '', refusal: null }, null)
  yield* writtenChunks(begun, head, { includesUsage }, function* (part) {
    const { index, text, logprobs = [], finish } = part
    const scores = isScored && logprobs.length > 0 ? contentOf(logprobs) : null
    if (text !== '' || scores !== null) yield chunk(index, { content: text }, null, scores)
    if (finish !== undefined) yield chunk(index, {}, finish)
  })
}

function contentOf(tokens: readonly TokenLikelihood[]): Fields {
  const content = tokens.map(({ token, logprob, bytes, likeliest = [] }) => ({
    ...tokenEntry(token, logprob, bytes),
    top_logprobs: likeliest.map((each) => ({
      ...tokenEntry(each.token, each.logprob, each.bytes),
    })),
  }))
  return { content, refusal: null }
}
