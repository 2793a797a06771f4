/** A network in Hugging Face's layout, with its tokenizer: what encoders and decoders have in common as bases. */
import type { Json, Tensors } from '../contracts/core.ts'
import type { Base, Network } from '../contracts/network.ts'
import { failure } from '../platform/errors.ts'
import { hashBase } from './hash.ts'
import { readText, tokensOf } from './text.ts'
import { openTokenizer } from './tokenizer.ts'

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
}

export function openTextBase({ name, equations, config, ...parts }: TextBaseParts): Base {
  const { network, weights } = parts
  const definition = { ...parts.definition, truncation: null, padding: null }
  const tokenizer = openTokenizer(definition, config.vocabulary)
  return {
    ...{ name, network, weights },
    hash: hashBase({ equations, config, tokenizer: definition }, weights),
    inputKind: 'text',
    encode(input, maxTokens) {
      // The server pads rows to multiples of 4, which must have positions too.
      const most = config.positions - (config.positions % 4)
      const { ids, dropped } = tokenizer.encode(readText(input), Math.min(maxTokens, most))
      return tokensOf(ids, dropped)
    },
  }
}

/** Without its weights, which take time to read: enough to validate a config. It encodes nothing. */
export function shapeOfTextBase(name: string, network: Network, path: string): Base {
  return {
    ...{ name, network },
    hash: '',
    inputKind: 'text',
    weights: new Map(),
    encode: () => {
      throw failure('BASE_INVALID', `${path} was opened without its weights`)
    },
  }
}
