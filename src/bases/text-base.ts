/** A network in Hugging Face's layout with its tokenizer: the shared part of encoders and decoders as bases. */
import type { Json, Tensors } from '../contracts/core.ts'
import type { Base, LanguageModel } from '../contracts/base.ts'
import type { EncodedRow, Network } from '../contracts/network.ts'
import type { ChatMessage } from '../contracts/event.ts'
import { isOf } from '../contracts/payload.ts'
import { messages } from '../payloads/inputs/messages.ts'
import { text } from '../payloads/inputs/text.ts'
import { failure } from '../platform/errors.ts'
import { hashBase } from './hash.ts'
import { readText, tokensOf } from './text.ts'
import { openTokenizer, tryTokenizer, type TextTokenizer } from './tokenizer.ts'

export interface TextBaseParts {
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
  const { network, weights } = parts
  const definition = { ...parts.definition, truncation: null, padding: null }
  const hash = hashBase({ equations, config, tokenizer: definition }, weights)
  await tryTokenizer(definition, hash)
  const tokenizer = openTokenizer(definition, config.vocabulary)
  const language = parts.language?.(tokenizer)
  return {
    ...{ name, network, weights, hash },
    reads: language === undefined ? [text] : [text, messages],
    rows: 'ids',
    ...(language && { language }),
    encode(input, maxTokens) {
      // The server pads rows to multiples of 4, which must have positions too.
      const most = Math.min(maxTokens, config.positions - (config.positions % 4))
      if (isOf(input, messages) && language !== undefined)
        return lastOf(language.conversation(input.messages), most)
      const { ids, dropped } = tokenizer.encode(readText(input), most)
      return tokensOf(ids, dropped)
    },
  }
}

/** Keeps the end of a conversation, because an answer depends on it most. */
function lastOf(ids: Int32Array, most: number): EncodedRow {
  const dropped = Math.max(0, ids.length - most)
  return { data: ids.slice(dropped), ...(dropped > 0 && { dropped }) }
}

/** Without its weights, which take time to read: enough to validate a config. It encodes nothing. */
export function shapeOfTextBase(name: string, network: Network, path: string): Base {
  return {
    ...{ name, network },
    hash: '',
    reads: [text],
    rows: 'ids',
    weights: new Map(),
    encode: () => {
      throw failure('BASE_INVALID', `${path} was opened without its weights`)
    },
  }
}
