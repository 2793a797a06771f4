/** The secrets of signed sources, as a config has them. */
import type { SignedSources } from '../intake/signatures/signed-sources.ts'
import type { ModelConfig } from './config.ts'

const known = new WeakMap<object, SignedSources>()

/** Undefined if no source has to be signed. Cheap: a daemon that reads its configuration again has another `defence`. */
export function signedSourcesOf({ defence }: ModelConfig): SignedSources | undefined {
  const entries = Object.entries(defence.sources ?? {})
  if (entries.length === 0) return undefined
  const sources = known.get(defence) ?? mapOf(entries)
  known.set(defence, sources)
  return sources
}

function mapOf(entries: [string, NonNullable<ModelConfig['defence']['sources']>[string]][]) {
  return new Map(
    entries.map(([source, { secret, old_secret, tolerance_seconds }]) => [
      source,
      {
        secrets: [secret, old_secret].filter((each) => each !== undefined),
        toleranceMs: 1000 * tolerance_seconds,
      },
    ]),
  )
}
