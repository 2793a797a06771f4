/** A base that reports what it encodes: features that no config declares, and texts that are cut. */
import { identityOf } from '../../adapters/recorded-config.ts'
import type { Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import { isOf } from '../../contracts/payload.ts'
import { features } from '../../payloads/inputs/features.ts'
import type { EncodingParts } from '../parts.ts'
import { nearest } from '../../platform/nearest.ts'

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
    ...(base.language && { language: base.language }),
    ...(base.prepare && { prepare: base.prepare.bind(base) }),
    ...(base.offsets && { offsets: base.offsets.bind(base) }),
    encode(input, maxTokens) {
      look?.(input)
      const encoded = base.encode(input, maxTokens)
      if (encoded.dropped !== undefined) onCut()
      return encoded
    },
  }
}

/** A stream of made-up names must not fill the memory. */
const MOST_NAMES = 1000

/**
 * Names of features that no config declares: without a schema they are hashed, so that a misspelt one is not seen in any
 * answer. The log names each once: numbers, which are meant to be declared, and categories that look like a declared name.
 */
export function undeclaredNames(
  names: readonly string[],
  log: Pick<Logger, 'warn'>,
): (input: Input) => void {
  const declared = new Set(names)
  const seen = new Set<string>()
  return (input) => {
    if (!isOf(input, features) || Array.isArray(input.features)) return
    for (const [feature, value] of Object.entries(input.features)) {
      if (declared.has(feature) || seen.has(feature) || seen.size >= MOST_NAMES) continue
      seen.add(feature)
      const near = nearest(feature, names)
      if (typeof value === 'string' && near === undefined) continue
      log.warn(
        { feature, ...(near !== undefined && { near }) },
        'a feature that is not declared is hashed; base.features.schema refuses misspelt names',
      )
    }
  }
}
