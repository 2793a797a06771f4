/** A network in Hugging Face's layout with its tokenizer: the shared part of encoders and decoders as bases. */
import type { Json, Tensor, Tensors } from '../contracts/core.ts'
import type { Base, LanguageModel } from '../contracts/base.ts'
import type { EncodedRow, Network } from '../contracts/network.ts'
import type { ChatMessage, Input } from '../contracts/event.ts'
import { isOf } from '../contracts/payload.ts'
import { keptWeights } from '../nn/kept-weights.ts'
import { messages } from '../payloads/inputs/messages.ts'
import { text } from '../payloads/inputs/text.ts'
import { textPair, type TextPairInput } from '../payloads/inputs/text-pair.ts'
import { failure } from '../platform/errors.ts'
import { isVisible, wellFormed } from '../platform/visible-text.ts'
import { hashBase } from './folder.ts'
import { TYPES, type PairTokens } from './token-pairs.ts'
import { openTokenizer, tryTokenizer, type TextTokenizer } from './tokenizer.ts'

interface TextBaseParts {
  readonly name: string
  /** Raised whenever the network or the tokenizer would give another output for the same files. */
  readonly equations: string
  readonly config: Readonly<Record<string, Json>> & {
    readonly positions: number
    readonly vocabulary: number
  }
  /** `tokenizer.json`. The maximum length is given at each call; its own truncation and padding are ignored. */
  readonly definition: Readonly<Record<string, Json>>
  readonly network: Network
  readonly weights: Tensors
  /** Of an encoder that reads two texts as one sequence: the vectors of first and second [2, width]. */
  readonly types?: Tensor | undefined
  /** Makes a language model of it. */
  readonly language?: (tokenizer: TextTokenizer) => ChatLanguage | undefined
}

/** A language model that also gives the tokens of a conversation alone, which a classifier reads. */
export interface ChatLanguage extends LanguageModel {
  /** Without an open turn. */
  conversation(messages: readonly ChatMessage[]): Int32Array
}

export async function openTextBase({
  name,
  equations,
  config,
  ...parts
}: TextBaseParts): Promise<Base> {
  const { network } = parts
  const definition = { ...parts.definition, truncation: null, padding: null }
  const hash = hashBase({ equations, config, tokenizer: definition }, parts.weights)
  const weights = keptWeights(parts.weights, hash)
  await tryTokenizer(definition, hash)
  const tokenizer = openTokenizer(definition, config.vocabulary)
  const language = parts.language?.(tokenizer)
  const { types } = parts
  // The server pads rows to multiples of 4, which must have positions too.
  const mostOf = (maxTokens: number) =>
    Math.min(maxTokens, config.positions - (config.positions % 4))
  return {
    ...{ name, network, weights, hash },
    reads: language === undefined ? [text] : [text, messages],
    rows: 'ids',
    ...(language && { language }),
    ...(types && {
      paired: () =>
        pairedTogether({ network, weights, hash, types }, (pair, maxTokens) =>
          tokenizer.encodePair(pair, mostOf(maxTokens)),
        ),
    }),
    encode(input, maxTokens) {
      const most = mostOf(maxTokens)
      if (isOf(input, messages) && language !== undefined)
        return lastOf(language.conversation(input.messages), most)
      const { ids, dropped } = tokenizer.encode(readText(input), most)
      return tokensOf(ids, dropped)
    },
    offsets: (input, { data }) => textOffsets(input, (written) => tokenizer.offsets(written, data)),
  }
}

/** Of the text as it came: what `readText` leaves out has no token. */
export function textOffsets(
  input: Input,
  offsets: (text: string) => Int32Array,
): Int32Array | undefined {
  if (!isOf(input, text)) return undefined
  const written = readText(input)
  const found = offsets(written)
  return written.length === input.text.length ? found : found.map(placesIn(input.text, written))
}

/** The place in `text` of each place in what was left of it. */
function placesIn(text: string, left: string): (place: number) => number {
  const whole = wellFormed(text)
  const places: number[] = []
  for (let at = 0; at < whole.length; at += 1)
    if (whole[at] === left[places.length]) places.push(at)
  return (place) => places[place] ?? whole.length
}

/** Keeps the end of a conversation, because an answer depends on it most. */
function lastOf(ids: Int32Array, most: number): EncodedRow {
  const dropped = Math.max(0, ids.length - most)
  return { data: ids.slice(dropped), ...(dropped > 0 && { dropped }) }
}

/** Without its weights, which take time to read: enough to validate a config. It encodes nothing. */
export function shapeOfTextBase(
  name: string,
  network: Network,
  path: string,
  { readsPairs = false } = {},
): Base {
  const paired = (): Base => ({ ...shapeOfTextBase(name, network, path), reads: [textPair] })
  return {
    ...{ name, network },
    ...(readsPairs && { paired }),
    hash: '',
    reads: [text],
    rows: 'ids',
    weights: new Map(),
    encode: () => {
      throw failure('BASE_INVALID', `${path} was opened without its weights`)
    },
  }
}

/**
 * The rule for text inputs: at least one visible character. An empty text has an embedding too, but it is meaningless,
 * and learning from it would add noise.
 *
 * The text of an input, well-formed.
 */
export function readText(input: Input): string {
  if (!isOf(input, text))
    throw failure('INPUT_WRONG_KIND', `the base reads text, the input holds ${input.kind}`)
  if (!isVisible(input.text))
    throw failure('INPUT_EMPTY', 'the text has no visible character', {
      details: { characters: input.text.length },
    })
  return streamSafe(wellFormed(input.text))
}

/** The texts of a pair, by the same rule. */
export function readPair(input: Input): TextPair {
  if (!isOf(input, textPair))
    throw failure('INPUT_WRONG_KIND', `the base reads text_pair, the input holds ${input.kind}`)
  const read = (each: string) => readText({ kind: text.name, text: each })
  return { text: read(input.text), text_pair: read(input.text_pair) }
}

/** Raised whenever the same encoder would give another output for a pair. */
const PAIR_EQUATIONS = 'text-pair/together/1'

/** An encoder that reads two texts as one sequence: `[CLS] first [SEP] second [SEP]`. */
export function pairedTogether(
  {
    network,
    weights,
    hash,
    types,
  }: Pick<Base, 'network' | 'weights' | 'hash'> & { readonly types: Tensor },
  tokens: (pair: TextPair, maxTokens: number) => PairTokens,
): Base {
  // Fails here if it has no rule for pairs.
  tokens({ text: 'a', text_pair: 'a' }, 8)
  const added = new Map([[TYPES, types]])
  return {
    ...{ name: 'text-pair', reads: [textPair], rows: 'ids', pairs: 'together', network },
    weights: new Map([...weights, ...added]),
    hash: hashBase({ equations: PAIR_EQUATIONS, base: hash }, added),
    encode(input, maxTokens) {
      const { ids, secondFrom, dropped } = tokens(readPair(input), maxTokens)
      return { ...tokensOf(ids, dropped), secondFrom }
    },
  }
}

type TextPair = Pick<TextPairInput, 'text' | 'text_pair'>

/**
 * At most 30 marks per character: more are not real text, and sorting thousands of them by class takes quadratic time.
 * Unicode Standard Annex 15, "Stream-Safe Text Format".
 */
export function streamSafe(text: string): string {
  return text.replace(/(\p{M}{30})\p{M}+/gu, '$1')
}

/** The encoded text, without its last `dropped` tokens. */
export function tokensOf(ids: readonly number[], dropped: number): EncodedRow {
  return { data: Int32Array.from(ids), ...(dropped > 0 && { dropped }) }
}
