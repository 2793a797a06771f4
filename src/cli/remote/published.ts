/** Versions as the daemon describes them, in the shapes of /openapi.json. */
import type { SliceGap } from '../../contracts/release.ts'
import { modelPath, type Client } from './client.ts'
import { pagesOf } from './pages.ts'
import { percent, short } from '../print.ts'

export interface Published {
  readonly version: string
  readonly parent: string | null
  readonly created: string
  readonly events: number
  readonly events_new: number
  readonly scores: {
    readonly count: number
    readonly accuracy: number
    readonly accuracy_recent: number
  }
  /** Where the measure of its task is an error or a loss. */
  readonly headline?: { readonly value: number }
  /** The quality of its served answers that feedback judged. */
  readonly served?: {
    readonly count: number
    readonly error: number
    readonly parts?: { readonly strata: readonly ServedStratum[] }
  }
  readonly decision: string
  readonly reason: string
  /** The verdict of each promotion policy. */
  readonly verdicts?: readonly {
    readonly policy: string
    readonly verdict: string
    readonly reason: string
  }[]
  /** The positions of its new events. */
  readonly span?: readonly {
    readonly source: string
    readonly partition: string
    readonly from: string
    readonly to: string
  }[]
  /** Its new events. */
  readonly learned_from?: {
    readonly sources: readonly { readonly source: string; readonly count: number }[]
    readonly strata: readonly Readonly<Record<string, string | number>>[]
  }
  readonly compute?: { readonly cpu_seconds: number; readonly evaluation_cpu_seconds: number }
  readonly trace?: { readonly traceparent: string }
  /** Overfitting. */
  readonly loss_gap?: {
    readonly trained: number
    readonly unseen: number
    readonly gap: number
    readonly from: string
    readonly warning?: string
  }
  /** How far its texts are from those of the base. */
  readonly kl?: { readonly per_token: number; readonly rows: number; readonly from: string }
  readonly slice_gap?: SliceGap
  /** The rollback that took it back. */
  readonly undone_by?: {
    readonly generation: number
    readonly by: string
    readonly actor?: string
    readonly to: string
    readonly since: string
    readonly reason: string
  }
  readonly live: boolean
  readonly removed: boolean
  readonly pinned: boolean
}

interface ServedStratum {
  readonly name: string
  readonly count: number
  readonly error: number
}

/** The share of the thumbs on its answers that are up; undefined without thumbs. */
export function ratedUp({ served }: Published): number | undefined {
  const rated = served?.parts?.strata.find(({ name }) => name === 'rating')
  return rated === undefined || rated.count === 0 ? undefined : 1 - rated.error
}

/** The measure of a task: its name for `accuracy`, or an error or a loss. */
export interface NamedScore {
  readonly name: string
  readonly meaning?: string
  readonly better?: string
}

export async function scoreName(client: Client, model: string): Promise<NamedScore> {
  return scoreIn(await client.get(modelPath(model)))
}

/** A daemon of an earlier release does not say it. */
export function scoreIn(described: {
  readonly score?: unknown
  readonly headline?: unknown
}): NamedScore {
  const { headline, score = { name: 'accuracy' } } = described
  const { better } = (headline as NamedScore | undefined) ?? {}
  return (better === 'lower' ? headline : score) as NamedScore
}

/** Of recent examples when the version was made; undefined if nothing was judged. */
export function recentText(
  { scores, headline }: Published,
  { better }: NamedScore,
): string | undefined {
  if (better === 'lower') return headline && short(headline.value)
  return scores.count === 0 ? undefined : percent(scores.accuracy_recent)
}

export function legendOf({ name, meaning }: NamedScore): string[] {
  if (meaning === undefined) return []
  return ['', `  ${name}: ${meaning}; each example is answered before it is learned`]
}

/** The newest `count`, newest first, and whether there are earlier ones. */
export async function publishedVersions(client: Client, model: string, count: number) {
  const { items, hasMore } = await pagesOf(client, modelPath(model, 'versions'), 'versions', count)
  return { versions: items as unknown as readonly Published[], hasMore }
}

/** Throws VERSION_UNKNOWN. */
export async function publishedVersion(
  client: Client,
  model: string,
  version: string,
): Promise<Published> {
  return (await client.get(modelPath(model, 'versions', version))) as unknown as Published
}
