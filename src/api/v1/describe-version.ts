/** A version for /v1/models/{model}/versions: its manifest, without the parts that only the loader needs. */
import type { Static } from 'typebox'
import type { Routing, Manifest } from '../../versions/contract.ts'
import { describeLabels } from './describe-labels.ts'
import type { VersionAnswer } from './schemas.ts'

export function describeVersion(
  { manifest, removed }: { readonly manifest: Manifest; readonly removed: boolean },
  live: Routing | undefined,
  pins: readonly string[],
): Static<typeof VersionAnswer> {
  const { version, digest, parent, created, events, events_new, steps } = manifest
  const { scores, decision, reason } = manifest
  return {
    version,
    digest,
    parent,
    created,
    events,
    events_new,
    steps,
    ...describeLabels(manifest),
    ...(manifest.memory && { memory: manifest.memory.items }),
    scores,
    decision,
    reason,
    live: version === live?.live.version,
    removed,
    pinned: pins.includes(version),
  }
}
