/**
 * Names of features that no config declares: without a schema they are hashed, so that a misspelt one is not seen in any
 * answer. The log names each once: numbers, which are meant to be declared, and categories that look like a declared name.
 */
import type { Logger } from '../../contracts/core.ts'
import type { Input } from '../../contracts/stream.ts'
import { nearest } from '../../platform/nearest.ts'

/** A stream of made-up names must not fill the memory. */
const MOST_NAMES = 1000

export function undeclaredNames(
  names: readonly string[],
  log: Pick<Logger, 'warn'>,
): (input: Input) => void {
  const declared = new Set(names)
  const seen = new Set<string>()
  return (input) => {
    if (input.kind !== 'features' || Array.isArray(input.features)) return
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
