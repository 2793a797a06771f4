/** A base that reports what it encodes: features that no config declares, and texts that are cut. */
import { identityOf } from '../../adapters/base-identity.ts'
import type { Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/network.ts'
import type { EncodingParts } from '../parts.ts'
import { undeclaredNames } from './undeclared-names.ts'

export interface Watch {
  /** The declared names; a model without any has nothing to report. */
  readonly names: readonly string[] | undefined
  readonly log: Pick<Logger, 'warn'>
  /** The text is longer than `max_tokens`. */
  readonly onCut: () => void
}

export function watchedBase(base: Base, { names, log, onCut }: Watch): EncodingParts['base'] {
  const look = names && undeclaredNames(names, log)
  return {
    ...identityOf(base),
    encode(input, maxTokens) {
      look?.(input)
      const encoded = base.encode(input, maxTokens)
      if (encoded.kind === 'tokens' && encoded.dropped !== undefined) onCut()
      return encoded
    },
  }
}
