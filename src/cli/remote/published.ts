/** Versions and their scores, for people. */
import type { Model, ModelClient, Version } from '../../client/client.ts'
import { pagesOf } from './pages.ts'
import { percent, short } from '../print.ts'

/** The share of the thumbs on its answers that are up; undefined without thumbs. */
export function ratedUp({ served }: Version): number | undefined {
  const rated = served?.parts?.strata.find(({ name }) => name === 'rating')
  return rated === undefined || rated.count === 0 ? undefined : 1 - rated.error
}

/** The measure of a task: its name for `accuracy`, or an error or a loss. */
export interface NamedScore {
  readonly name: string
  readonly meaning?: string
  readonly better?: string
}

/** A daemon of an earlier release does not say it. */
export function scoreIn({ headline, score }: Partial<Model>): NamedScore {
  if (headline?.better === 'lower') return headline
  return score ?? { name: 'accuracy' }
}

/** Of recent examples when the version was made; undefined if nothing was judged. */
export function recentText(
  { scores, headline }: Version,
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
export async function publishedVersions(api: ModelClient, count: number) {
  const { items, hasMore } = await pagesOf(api.versions, ({ versions }) => versions, count)
  return { versions: items, hasMore }
}
