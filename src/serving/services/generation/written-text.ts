/** Writes one text: from the drawn tokens to pieces for the reader, and to the whole. */
import type { LanguageModel } from '../../../contracts/base.ts'
import type { DrawnToken } from '../../../nn/onnx/decoding/sample.ts'
import { TextPieces } from '../../live/text-pieces.ts'
import type { Finish, TextOptions, TextPart, TokenLikelihood } from './contract.ts'

export interface WrittenText {
  readonly text: string
  readonly finish: Finish
  readonly completionTokens: number
}

/**
 * `onPart` gets each piece as soon as it is certain, and last a part that names the finish. The log-probability of a token
 * comes with the piece that its text begins in, so that those of a stop text never come.
 */
export async function writeText(
  tokens: AsyncIterable<DrawnToken>,
  language: LanguageModel,
  { stop = [], logprobs }: Pick<TextOptions, 'stop' | 'logprobs'>,
  onPart: (part: Omit<TextPart, 'index'>) => void,
): Promise<WrittenText> {
  const pieces = new TextPieces(language, stop)
  let [text, completionTokens, finish]: [string, number, Finish] = ['', 0, 'length']
  let waiting: { readonly from: number; readonly drawn: DrawnToken }[] = []
  const likelihoods = (isWhole = false) => {
    const certain = isWhole ? waiting : waiting.filter(({ from }) => from < text.length)
    waiting = waiting.slice(certain.length)
    return (
      certain.length > 0 && { logprobs: certain.map(({ drawn }) => likelihoodOf(drawn, language)) }
    )
  }
  for await (const drawn of tokens) {
    completionTokens += 1
    if (language.ends.includes(drawn.token)) {
      finish = 'stop'
      break
    }
    if (logprobs === true) waiting.push({ from: pieces.length, drawn })
    const piece = pieces.push(drawn.token)
    text += piece
    if (piece !== '') onPart({ text: piece, ...likelihoods() })
    if (pieces.isStopped) break
  }
  const rest = pieces.end()
  text += rest
  if (pieces.isStopped) finish = 'stop'
  onPart({ text: rest, ...likelihoods(!pieces.isStopped), finish, completionTokens })
  return { text, finish, completionTokens }
}

function likelihoodOf(
  drawn: DrawnToken,
  language: Pick<LanguageModel, 'text' | 'bytes'>,
): TokenLikelihood {
  const { token, logProbability, likeliest } = drawn
  const bytes = language.bytes?.(token)
  return {
    token: bytes === undefined ? language.text([token]) : Buffer.from(bytes).toString(),
    ...(bytes && { bytes: [...bytes] }),
    logprob: logProbability,
    ...(likeliest && { likeliest: likeliest.map((each) => likelihoodOf(each, language)) }),
  }
}
