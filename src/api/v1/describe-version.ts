/** A version for /v1/models/{model}/versions: its manifest, without the parts that only the loader needs. */
import type { Answer } from '../../client/schemas/parts.ts'
import type { TrainerReport } from '../../serving/services/served-model.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import type { LearnedFrom, Routing, Manifest } from '../../versions/contract.ts'
import type { Version } from '../../client/schemas/versions.ts'
import { defined } from '../../platform/defined.ts'

/** A topic may have thousands. */
const MOST_PARTITIONS = 20

export function describeVersion(
  { manifest, removed }: { readonly manifest: Manifest; readonly removed: boolean },
  { view }: ModelServices['task'],
  now: {
    readonly live: Routing | undefined
    readonly pins: readonly string[]
    readonly served: TrainerReport['served']
    /** The move that took it back. */
    readonly undoneBy: Routing | undefined
  },
): Answer<typeof Version> {
  const { version, digest, parent, created, events, events_new, steps } = manifest
  const { scores, decision, reason, verdicts, headline } = manifest
  const { compute, trace, loss_gap, kl, slice_gap, off_policy, sums, shards } = manifest
  const judged = now.served?.find((each) => each.version === version)
  return {
    ...{ version, digest, parent, created, events, events_new, steps },
    ...view.facts(manifest.facts),
    ...(manifest.memory && { memory: manifest.memory.items }),
    scores,
    ...(judged && { served: describeServed(judged) }),
    decision,
    reason,
    ...(events_new > 0 && { span: describeSpan(manifest.span) }),
    ...defined({ headline, compute, trace, loss_gap, kl, slice_gap, off_policy, sums, verdicts }),
    ...(shards && {
      shards: shards.map((part) => ({ ...part, span: describeSpan(part.span) })),
    }),
    ...(manifest.learned_from && { learned_from: described(manifest.learned_from, view) }),
    ...(now.undoneBy && { undone_by: describeUndoing(now.undoneBy) }),
    live: version === now.live?.live.version,
    removed,
    pinned: now.pins.includes(version),
  }
}

/** Without the part of a position that identifies the source's content. */
function describeSpan(span: Manifest['span']) {
  const plain = (position: string) => position.replace(/@.*/, '')
  return Object.entries(span)
    .flatMap(([source, partitions]) =>
      Object.entries(partitions).map(([partition, [from, to]]) => {
        return { source, partition, from: plain(from), to: plain(to) }
      }),
    )
    .slice(0, MOST_PARTITIONS)
}

function describeUndoing({ generation, by, actor, live, sinceMs, reason }: Routing) {
  const since = new Date(sinceMs).toISOString()
  const mover = { by, ...(actor !== undefined && { actor }) }
  return { generation, ...mover, to: live.version, since, reason }
}

function described({ sources, strata }: LearnedFrom, view: ModelServices['task']['view']) {
  return {
    sources,
    strata: strata.map(({ stratum, count }) => ({ ...view.stratum(stratum), count })),
  }
}

/** The scores of the answers that a version has served. */
type ServedScore = NonNullable<TrainerReport['served']>[number]

export function describeServed({ count, error, parts, sliceGap }: ServedScore) {
  if (parts === undefined) return { count, error }
  return { count, error, parts: { ...parts, ...(sliceGap && { slice_gap: sliceGap }) } }
}
