/** A request for texts, and one text of it as the decode scheduler sees it: waiting first, then running in a lane. */
import type { Random } from '../../contracts/core.ts'
import type { DrawnToken, Sampling } from '../../nn/onnx/decoding/sample.ts'
import type { TokenStream } from './token-stream.ts'

export interface TextRequest {
  readonly model: string
  /** The engine's key of the adapter, which the caller holds until every stream has ended. */
  readonly adapter: string
  readonly prompt: Int32Array
  /** At least one. */
  readonly maxTokens: number
  readonly sampling: Sampling
  /** How many of the likeliest tokens come with each token; absent = none. */
  readonly likeliest?: number | undefined
  /** The text itself, of `maxTokens`: nothing is drawn, and each token comes with its likelihood. */
  readonly given?: Int32Array | undefined
  /** Tokens that end a text. */
  readonly ends: readonly number[]
  /** One text for each stream of random numbers. */
  readonly draws: readonly Pick<Random, 'uniform'>[]
  readonly signal: AbortSignal
}

export interface Text {
  readonly sequence: number
  readonly request: TextRequest
  readonly draw: Pick<Random, 'uniform'>
  readonly stream: TokenStream<DrawnToken>
  readonly arrivedMs: number
  /** How many positions the engine has of it. */
  length: number
  /** How many tokens were drawn, and the last one. */
  drawn: number
  last: number
  isOver: boolean
}

/** The most tokens that it may have, prompt included. */
export function tokensOf({ prompt, maxTokens }: TextRequest): number {
  return prompt.length + maxTokens
}

export function samplingOf({ request: { sampling, likeliest, given }, draw, drawn }: Text) {
  const token = given?.[drawn]
  return {
    ...{ ...sampling, draw: draw.uniform() },
    ...(likeliest !== undefined && { likeliest }),
    ...(token !== undefined && { given: token }),
  }
}
