/** The table of versions. */
import type { ClientFlags } from '../flags.ts'
import { percent, print, short, table } from '../print.ts'
import { failure } from '../../platform/errors.ts'
import type { ModelClient, Version, Model, SliceGap } from '../../client/client.ts'
import { connectModel, pagesOf } from './connect.ts'

export interface VersionsFlags extends ClientFlags {
  readonly last: number
  readonly compare?: readonly string[]
}

type Estimate = NonNullable<Version['off_policy']>['candidate']['dr']

/** A column that only versions of some tasks fill. */
interface OwnColumn {
  readonly head: string
  readonly meaning: string
  readonly cell: (published: Version) => string | undefined
}

const ownColumns: readonly OwnColumn[] = [
  {
    head: 'rated up',
    meaning: 'share of the thumbs on its answers that are up',
    cell: (published) => shown(ratedUp(published), percent),
  },
  {
    head: 'kl',
    meaning: 'how far its texts are from those of the base, a token',
    cell: ({ kl }) => shown(kl?.per_token, short),
  },
  {
    head: 'would earn',
    meaning:
      'mean reward of its choices on held-out answers when it was made (DR), with its bounds',
    cell: ({ off_policy: facts }) => facts && estimateText(facts.candidate.dr),
  },
]

function shown(value: number | undefined, as: (value: number) => string): string | undefined {
  return value === undefined ? undefined : as(value)
}

const headOf = ({ name, isMeasure }: NamedScore, texts: readonly OwnColumn[]) => [
  '',
  'version',
  'parent',
  'events',
  ...(isMeasure === true ? [`recent ${name}`] : [name, 'recent']),
  ...texts.map(({ head }) => head),
  'created',
  'decision',
  'reason',
]

export async function showVersions(flags: VersionsFlags): Promise<void> {
  const { api, model } = await connectModel(flags)
  if (flags.compare !== undefined) return showComparison(api, flags.compare, flags)
  const { versions, hasMore } = await publishedVersions(api, flags.last)
  const score = scoreIn(await api.describe())
  print(flags.json, { model, versions }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    const texts = ownColumns.filter(({ cell }) => versions.some((each) => cell(each) !== undefined))
    const rows = versions.map((each) => rowOf(each, score, texts))
    const legend = texts.map(({ head, meaning }) => `  ${head}: ${meaning}`)
    return [...table([headOf(score, texts), ...rows]), ...more, ...legendOf(score), ...legend]
  })
}

/** Two names, the earlier version first. */
async function showComparison(
  api: ModelClient,
  [from, to, ...more]: readonly string[],
  { json }: VersionsFlags,
): Promise<void> {
  if (from === undefined || to === undefined || more.length > 0)
    throw failure('USAGE', '--compare takes two versions')
  const found = await api.compare(from, to)
  const { same, differs, events, steps, scores } = found
  print(json, { model: api.name, ...found }, () => [
    `${to} against ${from}: ${same ? 'the same content' : `${events} events, ${steps} steps`}`,
    ...table(Object.entries(scores).map(([name, value]) => [`  ${name}`, signed(value)])),
    ...(differs.length > 0 ? [`  differs: ${differs.join(', ')}`] : []),
  ])
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${Number(value.toFixed(4))}`
}

function rowOf(published: Version, score: NamedScore, texts: readonly OwnColumn[]): string[] {
  const { version, parent, events, scores, created, decision, reason, live } = published
  return [
    live ? '*' : '',
    version + stateOf(published),
    parent ?? '-',
    String(events),
    ...(score.isMeasure === true ? [] : [scores.count > 0 ? percent(scores.accuracy) : '-']),
    recentText(published, score) ?? '-',
    ...texts.map(({ cell }) => cell(published) ?? '-'),
    created,
    decision,
    reason,
  ]
}

function stateOf({ removed, pinned, undone_by: undone }: Version): string {
  if (undone !== undefined) return removed ? ' (undone, removed)' : ' (undone)'
  if (removed) return ' (removed)'
  return pinned ? ' (pinned)' : ''
}

/**
 * Versions and their scores, for people.
 *
 * The share of the thumbs on its answers that are up; undefined without thumbs.
 */
export function ratedUp({ served }: Version): number | undefined {
  const rated = served?.parts?.strata.find(({ name }) => name === 'rating')
  return rated === undefined || rated.count === 0 ? undefined : 1 - rated.error
}

/** The measure of a task: its name for `accuracy`, or a measure of its own, such as an error or a loss. */
export interface NamedScore {
  readonly name: string
  readonly meaning?: string
  readonly better?: string
  readonly isMeasure?: true
}

/** A daemon of an earlier release does not say it. */
export function scoreIn({ headline, score }: Partial<Model>): NamedScore {
  const isMeasure = headline !== undefined && headline.name !== score?.name
  if (isMeasure && score !== undefined) return { ...headline, isMeasure }
  return score ?? { name: 'accuracy' }
}

/** Of recent examples when the version was made; undefined if nothing was judged. */
export function recentText(
  { scores, headline }: Version,
  { better, isMeasure }: NamedScore,
): string | undefined {
  if (isMeasure === true) return headline && (better === 'lower' ? short : percent)(headline.value)
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

/** Of a mean reward from 0 to 1. */
export function estimateText({ value, low, high }: Estimate): string {
  return `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
}

/** Bias, in one line for `status --labels` and `why`. */
export function gapText({ best, worst, points, low, high }: SliceGap): string {
  const [middle, from, to] = [points, low, high].map((each) => each.toFixed(1))
  const chance = low > 0 ? '' : '; this may be chance'
  return `widest gap: slice “${worst}” is ${middle} points below “${best}” (between ${from} and ${to})${chance}`
}
