/** Writes one text: from the drawn tokens to pieces for the reader, and to the whole. */
import type { LanguageModel } from '../../../contracts/base.ts'
import type { DrawnToken } from '../../../nn/onnx/decoding/sample.ts'
import type { Finish, TextOptions, TextPart, TokenLikelihood } from './contract.ts'

const INCOMPLETE = '\uFFFD'
/**
 * A character has four bytes. Where so many tokens are still incomplete, the bytes are none of a text: waiting for the end would
 * decode all of them again with each token, and show nothing.
 */
const MOST_WAITING = 16

/**
 * Turns tokens into the pieces of a text for a reader: whole characters only, and nothing that may still become part of
 * a stop text. Joined, the pieces are the text.
 *
 * A piece is the difference of two decodings that begin at the piece before it, because a token may decode differently
 * at the beginning of a text.
 */
export class TextPieces {
  readonly #language: Pick<LanguageModel, 'text'>
  readonly #stops: readonly string[]
  readonly #ids: number[] = []
  /** Where the piece before the next one begins, and where the next one does. */
  #before = 0
  #next = 0
  /** Decoded and not yet returned, because it may begin a stop text. */
  #held = ''
  #length = 0
  #isStopped = false

  constructor(language: Pick<LanguageModel, 'text'>, stops: readonly string[]) {
    this.#language = language
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** Whether a stop text has come. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** How many characters the tokens have: those that were returned, and those that may begin a stop text. */
  get length(): number {
    return this.#length
  }

  /** Returns the piece that is certain after this token; '' if there is none. */
  push(id: number): string {
    this.#ids.push(id)
    const text = this.#decoded()
    if (!text.endsWith(INCOMPLETE)) return this.#given(text)
    if (this.#ids.length - this.#next < MOST_WAITING) return ''
    const piece = this.#given(text)
    // The next piece must not complete what was given as incomplete.
    this.#before = this.#next
    return piece
  }

  /** The rest of an answer that ends without a stop text. */
  end(): string {
    if (this.#isStopped) return ''
    const rest = this.#given(this.#decoded()) + (this.isStopped ? '' : this.#held)
    this.#held = ''
    return rest
  }

  /** The text that the tokens since the last piece add. */
  #decoded(): string {
    const before = this.#language.text(this.#ids.slice(this.#before, this.#next))
    return this.#language.text(this.#ids.slice(this.#before)).slice(before.length)
  }

  #given(text: string): string {
    this.#before = this.#next
    this.#next = this.#ids.length
    this.#length += text.length
    const whole = this.#held + text
    const starts = this.#stops.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0)
    if (starts.length > 0) {
      this.#isStopped = true
      this.#held = ''
      return whole.slice(0, Math.min(...starts))
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => overlap(whole, stop)))
    this.#held = whole.slice(whole.length - kept)
    return whole.slice(0, whole.length - kept)
  }
}

/** The length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1)
    if (text.endsWith(stop.slice(0, length))) return length
  return 0
}

interface WrittenText {
  readonly text: string
  readonly finish: Finish
  readonly completionTokens: number
}

/** `echoed`: the tokens behind the first one. */
function partOfPrompt(
  prompt: Int32Array,
  echoed: readonly DrawnToken[],
  logprobs: boolean | undefined,
  language: LanguageModel,
): Omit<TextPart, 'index'> {
  const text = language.text(prompt)
  const [first] = prompt
  if (logprobs !== true || first === undefined) return { text }
  const { logprob: _, ...beginning } = likelihoodOf({ token: first, logProbability: 0 }, language)
  const behind = echoed.map((drawn) => likelihoodOf(drawn, language))
  return { text, logprobs: [{ ...beginning, logprob: null }, ...behind] }
}

interface WritingOptions extends Pick<TextOptions, 'stop' | 'logprobs'> {
  /** It is the first part; with `logprobs` the tokens behind its first one come before those of the text. */
  readonly prompt?: Int32Array | undefined
}

/**
 * `onPart` gets each piece as soon as it is certain, and last a part that names the finish. The log-probability of a token
 * comes with the piece that its text begins in, so that those of a stop text never come; that of the end comes last.
 */
export async function writeText(
  tokens: AsyncIterable<DrawnToken>,
  language: LanguageModel,
  { stop = [], logprobs, prompt }: WritingOptions,
  onPart: (part: Omit<TextPart, 'index'>) => void,
): Promise<WrittenText> {
  const pieces = new TextPieces(language, stop)
  let [text, completionTokens, finish]: [string, number, Finish] = ['', 0, 'length']
  let waiting: { readonly from: number; readonly drawn: DrawnToken }[] = []
  const likelihoods = (isWhole = false) => {
    const certain = isWhole ? waiting : waiting.filter(({ from }) => from < text.length)
    waiting = waiting.slice(certain.length)
    return (
      certain.length > 0 && { logprobs: certain.map(({ drawn }) => writtenOf(drawn, language)) }
    )
  }
  const echoed: DrawnToken[] = []
  const awaited = logprobs === true && prompt !== undefined ? prompt.length - 1 : 0
  if (prompt !== undefined && awaited === 0) onPart(partOfPrompt(prompt, [], logprobs, language))
  for await (const drawn of tokens) {
    if (prompt !== undefined && echoed.length < awaited) {
      echoed.push(drawn)
      if (echoed.length === awaited) onPart(partOfPrompt(prompt, echoed, logprobs, language))
      continue
    }
    completionTokens += 1
    if (logprobs === true) waiting.push({ from: pieces.length, drawn })
    if (language.ends.includes(drawn.token)) {
      finish = 'stop'
      break
    }
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

function writtenOf(drawn: DrawnToken, language: LanguageModel): TokenLikelihood {
  const likelihood = likelihoodOf(drawn, language)
  return language.ends.includes(drawn.token) ? { ...likelihood, isEnd: true } : likelihood
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
