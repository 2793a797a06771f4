/** The secrets of signed sources, as a config has them, and whose feedback an event of a source may replace or take back. */
import type { SignedSources } from '../intake/signatures/signed-sources.ts'
import type { Config, ModelConfig } from './config.ts'
import type { SourceReach } from '../intake/retraction.ts'

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

/**
 * Feedback about a prediction reaches what other sources said about it, but never what a signed source said; and an event of a
 * source that keys are restricted to reaches only what each of these keys may name.
 */
export function sourceReach(
  { server }: Pick<Config, 'server'>,
  settings: ModelConfig,
): SourceReach {
  const signed = signedSourcesOf(settings)
  // Read for each event: keys change while the trainer runs.
  const lists = () => (server.auth?.keys ?? []).flatMap(({ sources }) => (sources ? [sources] : []))
  const isAllowed = (from: string, to: string) =>
    lists().every((list) => !list.includes(from) || list.includes(to))
  return (from, to) => from === to || (signed?.has(to) !== true && isAllowed(from, to))
}
