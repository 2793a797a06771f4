/**
 * Answers with many inputs and scores can be tens of megabytes of JSON. They are written piece by piece, because
 * writing one at once would block every other request.
 */
import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import type { Json } from '../../contracts/core.ts'
import type { Answered } from '../../serving/live/predict.ts'
import { eventLoop } from '../../platform/slices.ts'

/** Number of scores of one answer written at once: a few milliseconds. */
const MOST_SCORES = 8192
const PIECE_CHARACTERS = 64 * 1024

export function isLong(predictions: readonly Answered[]): boolean {
  const [first] = predictions
  const scores = first === undefined ? 0 : numbersIn(first.answer)
  return scores * predictions.length > MOST_SCORES
}

/** How many fields an answer has, those of its objects counted. */
function numbersIn(answer: Answered['answer']): number {
  const sizes = Object.values(answer).map((value) =>
    typeof value === 'object' && value !== null ? Object.keys(value).length : 1,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** The same JSON as in one piece: `head`, then the predictions as its last key. */
export function sendInPieces(
  reply: FastifyReply,
  head: Readonly<Record<string, Json>>,
  predictions: readonly Answered[],
): FastifyReply {
  void reply.type('application/json; charset=utf-8')
  return reply.send(Readable.from(pieces(head, predictions)))
}

export function shown({ id, answer, truncated, tokens, size, completionTokens }: Answered) {
  const usage = { prompt_tokens: size, completion_tokens: completionTokens ?? 0 }
  return {
    ...{ id, ...answer, ...(truncated && { truncated }), ...(tokens && { tokens }) },
    ...(completionTokens !== undefined && { usage }),
  }
}

async function* pieces(
  head: Readonly<Record<string, Json>>,
  predictions: readonly Answered[],
): AsyncGenerator<string> {
  let piece = `${JSON.stringify(head).slice(0, -1)},"predictions":[`
  for (const [at, prediction] of predictions.entries()) {
    const text = await eventLoop.run(() => JSON.stringify(shown(prediction)))
    piece += at === 0 ? text : `,${text}`
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  yield `${piece}]}`
}
