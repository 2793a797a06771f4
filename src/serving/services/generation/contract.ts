/** The request for texts and its result: a stream of parts, or whole answers. */
import type { Json } from '../../../contracts/core.ts'
import type { Prediction } from '../../live/contract.ts'
import type { PredictRequest, RecalledSources } from '../../live/predict.ts'
import type { Freshness, PastTime } from '../prediction-service.ts'

/** Where an option is absent, the task's settings decide. */
export interface TextOptions {
  /** At most limits.answer_tokens, and at most the positions that the prompt leaves. */
  readonly maxTokens?: number | undefined
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  /** The same seed gives the same text of the same version, whatever else is being written. */
  readonly seed?: number | undefined
  /** Texts that end an answer, and are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** What every text fits that ends by itself. */
  readonly structure?: SchemaOption | undefined
  /** Whether each token comes with its log-probability. */
  readonly logprobs?: boolean | undefined
  /** How many of the likeliest tokens come with it. */
  readonly likeliest?: number | undefined
  /** Each text begins with its prompt, and with the likelihoods of its tokens where they are asked for. `maxTokens` may be 0. */
  readonly echo?: boolean | undefined
}

export interface SchemaOption {
  /** A JSON Schema. */
  readonly schema: Json
  /** The field of the request that it stands in. */
  readonly param: string
  /** Or a text that does not begin with a brace. */
  readonly orText?: boolean
}

export type AnswerTexts = Omit<PredictRequest, 'signal'> &
  PastTime &
  Freshness & { readonly signal: AbortSignal }

export type GenerateRequest = AnswerTexts &
  TextOptions & {
    /** How many texts for each input. */
    readonly n: number
    /** The tokens of each input, where the caller has them: it is read as they are. */
    readonly prompts?: readonly Int32Array[] | undefined
  }

export type Finish = 'stop' | 'length'

/** One token, as text. Incomplete characters are U+FFFD. */
export interface TokenLikelihood {
  readonly token: string
  /** Its own bytes, also where it is a part of a character; absent: those of its text. */
  readonly bytes?: readonly number[]
  /** Null: the first token of a prompt, which nothing comes before. */
  readonly logprob: number | null
  /** It ends the text, and is no part of it. */
  readonly isEnd?: true
  /** Likeliest first; present if asked for. */
  readonly likeliest?: readonly TokenLikelihood[]
}

export interface TextPart {
  /** Which of the choices. */
  readonly index: number
  readonly text: string
  /** The log-probabilities of its tokens; present if asked for. */
  readonly logprobs?: readonly TokenLikelihood[]
  /** Only in the last part of a choice. */
  readonly finish?: Finish
  /** Only in the last part: how many tokens were written, including the one that ended the text. */
  readonly completionTokens?: number
}

export interface Generation extends Pick<Prediction, 'manifest' | 'generation' | 'arm'> {
  /** In order of `TextPart.index`: `n` of the first input, then `n` of the next. */
  readonly choices: readonly { readonly id: string }[]
  /** Of all prompts, as the model reads them. */
  readonly promptTokens: number
  /** How many of these were kept from earlier texts: known when the first part of each choice has come. */
  readonly cachedTokens: () => number
  /** Tokens of the oldest turns, which were left out; 0 unless the settings allow it. */
  readonly droppedTokens: number
  /** For each input; present where stored answers stand before prompts. */
  readonly recalled?: readonly RecalledSources[]
  /** For one reader. It fails with the request; a reader that stops early ends the texts, which are then not stored. */
  readonly parts: AsyncIterableIterator<TextPart>
}

export interface GenerationService {
  /** Throws what a prediction throws, `QUEUE_FULL`, and `INPUT_TOO_LONG` for a prompt that leaves no room. */
  generate(request: GenerateRequest): Promise<Generation>
  /** One whole text for each input. */
  answer(request: AnswerTexts, options: TextOptions): Promise<Prediction>
}
