/**
 * What a merger does with the lines of versions of its shards: it repeats the moves that people make, pins what its own versions
 * name, and reads how far each has learned.
 */
import { CodedError } from '../../contracts/core.ts'
import type {
  ListedVersion,
  Manifest,
  Registry,
  RoutedVersion,
  Routing,
  ShardVersion,
} from '../../versions/contract.ts'
import { isByTrainer, isFollowed } from '../../versions/routing.ts'
import { openVersions } from '../../versions/service.ts'

type Span = Manifest['span']

export interface ShardLine {
  readonly model: string
  readonly registry: Registry
}

/** Moves that are searched for those that the shards lack. All but the newest were made before the last merged version. */
const MOVES = 1000
/** Versions of a line that are looked at. */
const NEWEST = 1000

/**
 * Makes the moves that people made since the last merged version. A move is durable where it was made; a shard's own move names
 * it, so that after a crash it is made in the shards that lack it, and in no other a second time.
 */
export async function moveShards(registry: Registry, shards: readonly ShardLine[]): Promise<void> {
  const newest = await registry.history(MOVES)
  const last = newest.findIndex((move) => isByTrainer(move))
  const moves = newest.slice(0, last < 0 ? undefined : last).toReversed()
  for (const move of moves.filter(({ by }) => by !== 'canary' && by !== 'shadow'))
    for (const [at, shard] of shards.entries()) await repeat(move, { registry, shard, at })
}

interface ShardTarget {
  readonly registry: Registry
  readonly shard: ShardLine
  readonly at: number
}

async function repeat(move: Routing, { registry, shard, at }: ShardTarget): Promise<void> {
  const { generation, by, reason, actor } = move
  const there = await shard.registry.history(MOVES)
  // Nothing is live there yet: it is asked again.
  if (there.length === 0 || there.some(({ asks }) => asks?.repeats === generation)) return
  const asks = { ...move.asks, repeats: generation }
  const own = { reason, by, asks, ...(actor !== undefined && { actor }) }
  const target = isFollowed(move) ? await versionOf(move, { registry, shard, at }) : undefined
  if (isFollowed(move) && target === undefined) return
  await openVersions(shard.registry).move({
    ...own,
    ...(target !== undefined && { version: target }),
  })
}

/** Undefined for a version that was not merged from this shard, such as an import: the shards go on. */
async function versionOf(
  { live: { version } }: Routing,
  { registry, shard, at }: ShardTarget,
): Promise<string | undefined> {
  const part = (await registry.find(version)).manifest.shards?.[at]
  return part?.model === shard.model ? part.version : undefined
}

/**
 * Pins the versions of a shard that merged ones name, so that a rollback finds them: the newest, as far as there is room. Answers
 * with the merged versions that name one that is gone.
 */
export async function pinParts(
  { model, registry }: ShardLine,
  merged: readonly ListedVersion[],
): Promise<readonly string[]> {
  const there = (await registry.list(NEWEST)).filter(({ removed }) => !removed)
  const names = new Set(there.map(({ manifest }) => manifest.version))
  const pins = await registry.pins()
  const parts = merged.flatMap(({ manifest, removed }) => {
    const part = manifest.shards?.find((each) => each.model === model)?.version
    return part === undefined ? [] : { version: manifest.version, part, removed }
  })
  const wanted = new Set(parts.flatMap(({ part, removed }) => (removed ? [] : part)))
  // Those that a person has pinned stay.
  for (const { part, removed } of parts)
    if (removed && !wanted.has(part) && pins.includes(part)) await registry.unpin(part)
  try {
    for (const part of wanted) if (names.has(part) && !pins.includes(part)) await registry.pin(part)
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'PINS_FULL') throw error
  }
  return parts.flatMap(({ version, part, removed }) => (removed || names.has(part) ? [] : version))
}

/** Of a shard, since it began: `before` and all versions after it. */
export async function spanOf(
  part: RoutedVersion,
  before: ShardVersion | undefined,
  registry: Registry,
): Promise<Span> {
  const spans: Span[] = []
  let version: string | null = part.version
  for (let count = 0; count < NEWEST && version !== null; count += 1) {
    if (version === before?.version) return joinedSpan([before.span, ...spans])
    const manifest: Manifest | undefined = await found(registry, version)
    if (manifest !== undefined) spans.push(manifest.span)
    version = manifest?.parent ?? null
  }
  return joinedSpan(spans)
}

/** Undefined for one that is remembered no more. */
async function found(registry: Registry, version: string): Promise<Manifest | undefined> {
  try {
    return (await registry.find(version)).manifest
  } catch (error) {
    if (error instanceof CodedError && error.code === 'VERSION_UNKNOWN') return undefined
    throw error
  }
}

/** From the first beginning of each partition to its last end. */
export function joinedSpan(spans: readonly Span[]): Span {
  const all: Record<string, Record<string, readonly [string, string]>> = {}
  for (const span of spans)
    for (const [source, partitions] of Object.entries(span))
      for (const [partition, [from, to]] of Object.entries(partitions)) {
        const own = (all[source] ??= {})
        const [begin, end] = own[partition] ?? [from, to]
        own[partition] = [isAfter(begin, from) ? from : begin, isAfter(to, end) ? to : end]
      }
  return all
}

const inOrder = new Intl.Collator('en', { numeric: true })

function isAfter(one: string, other: string): boolean {
  return inOrder.compare(one, other) > 0
}
