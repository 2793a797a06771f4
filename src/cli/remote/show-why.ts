/** Explains how a version became live: what moved the pointer and why, then each ancestor's decision and reason. */
import { CodedError } from '../../contracts/core.ts'
import type { Live, ModelClient, PastMove, Version } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { connectModel } from './connect.ts'
import { print, table } from '../print.ts'
import { trialText } from './move.ts'
import {
  legendOf,
  recentText,
  scoreIn,
  type NamedScore,
  estimateText,
  gapText,
} from './show-versions.ts'

export interface WhyFlags extends ClientFlags {
  readonly version?: string
  readonly last: number
}

export async function showWhy(flags: WhyFlags): Promise<void> {
  const { api, model } = await connectModel(flags)
  const described = await api.describe()
  const { live } = described
  const asked = flags.version ?? live?.version
  const chain = asked === undefined ? [] : await chainOf(asked, flags.last, api)
  const score = scoreIn(described)
  const earlier = chain.at(-1)?.parent
  const moves = asked === undefined ? [] : await movesOf(api, asked)
  print(flags.json, { model, live, version: asked ?? null, chain, moves }, () => [
    ...liveLines(model, live),
    ...moveLines(asked ?? '', moves),
    '',
    ...undoneLines(chain[0]),
    ...(asked === undefined
      ? []
      : [`${asked} and the versions that it was trained from, newest first:`]),
    ...table(chain.map((version) => rowOf(version, score))),
    ...(earlier ? [`  … before it ${earlier}`] : []),
    ...learnedLines(chain[0]),
    ...spanLines(chain[0]),
    ...verdictLines(chain[0]),
    ...costLines(chain[0]),
    ...traceLines(chain[0]),
    ...fitLines(chain[0]),
    ...klLines(chain[0]),
    ...biasLines(chain[0]),
    ...valueLines(chain[0]),
    ...legendOf(score),
  ])
}

/** The ancestors of a version, back to the first or as far as the registry has records; at most `count`. */
async function chainOf(
  asked: string,
  count: number,
  api: ModelClient,
): Promise<readonly Version[]> {
  const from = await api.version(asked)
  const chain = [from]
  for (let { parent } = from; parent !== null && chain.length < count;) {
    const version = await api.version(parent).catch(unlessUnknown)
    if (version === undefined) break
    chain.push(version)
    parent = version.parent
  }
  return chain
}

function unlessUnknown(error: unknown): undefined {
  if (error instanceof CodedError && error.code === 'VERSION_UNKNOWN') return
  throw error
}

function liveLines(model: string, live: Live | null): string[] {
  if (live === null) return [`${model} has no live version yet`]
  const { version, since, by, reason, previous, generation } = live
  const before = previous === null ? '' : `; ${previous} was live before`
  return [
    `${model} answers with ${version}${trialText(live)} since ${since}`,
    `  made live by ${by}: ${reason}`,
    `  move ${generation} of the live pointer${before}`,
  ]
}

/** A version that was taken back stays in the list, and may be made live again by mistake. */
function undoneLines(version: Version | undefined): string[] {
  const { undone_by: undone } = version ?? {}
  if (version === undefined || undone === undefined) return []
  const { generation, by, actor, to, since, reason } = undone
  const mover = actor === undefined ? by : `${by} (${actor})`
  return [
    `${version.version} is undone: move ${generation}, at ${since}, went back to ${to}`,
    `  by ${mover}: ${reason}`,
    '',
  ]
}

/** The verdicts of several policies; the version's own reason names only those that decided. */
function verdictLines(version: Version | undefined): string[] {
  const { verdicts = [] } = version ?? {}
  if (version === undefined || verdicts.length < 2) return []
  const rows = verdicts.map(({ policy, verdict, reason }) => [`    ${policy}`, verdict, reason])
  return [`  verdicts on ${version.version}:`, ...table(rows)]
}

/** The examples that it learned since its parent, the largest counts first. */
function learnedLines(version: Version | undefined): string[] {
  const { learned_from: from } = version ?? {}
  if (version === undefined || from === undefined) return []
  const sources = from.sources.map(({ source, count }) => `${source} ${count}`)
  const strata = from.strata.map(({ count, ...named }) => `${Object.values(named).join()} ${count}`)
  return [`  learned by ${version.version}: ${sources.join(', ')}; ${strata.join(', ')}`]
}

function spanLines(version: Version | undefined): string[] {
  const { span = [] } = version ?? {}
  const parts = span.map(({ source, partition, from, to }) => {
    return `${partition === '0' ? source : `${source}/${partition}`} ${from || 'start'} to ${to}`
  })
  return parts.length === 0 ? [] : [`  positions of ${version?.version ?? ''}: ${parts.join(', ')}`]
}

function costLines(version: Version | undefined): string[] {
  const { compute } = version ?? {}
  if (version === undefined || compute === undefined) return []
  const [all, evaluation] = [compute.cpu_seconds, compute.evaluation_cpu_seconds]
  return [
    `  at ${version.version}: ${all.toFixed(2)} CPU seconds, ${evaluation.toFixed(2)} of them for its evaluation`,
  ]
}

/** To be looked up where traces are kept. */
function traceLines(version: Version | undefined): string[] {
  const traceId = version?.trace?.traceparent.split('-')[1]
  return traceId === undefined ? [] : [`  at ${version?.version ?? ''}: trace ${traceId}`]
}

/** Overfitting: always the numbers, and what to do about it where they ask for it. */
function fitLines(version: Version | undefined): string[] {
  const { loss_gap: fit } = version ?? {}
  if (version === undefined || fit === undefined) return []
  const [trained, unseen] = [fit.trained, fit.unseen].map((loss) => loss.toFixed(2))
  const rows = fit.from === 'held-out' ? 'held-out rows' : 'new examples before they are learned'
  const line = `  at ${version.version}: loss ${trained} of learned rows, ${unseen} of ${rows}`
  return fit.warning === undefined ? [line] : [line, `    warning: ${fit.warning}`]
}

function klLines(version: Version | undefined): string[] {
  const { kl } = version ?? {}
  if (version === undefined || kl === undefined) return []
  const [nats, from] = [kl.per_token.toFixed(4), `${kl.rows} ${kl.from} rows`]
  return [`  at ${version.version}: ${nats} nats a token from the base, on ${from}`]
}

function biasLines(version: Version | undefined): string[] {
  const { slice_gap: gap } = version ?? {}
  return gap === undefined ? [] : [`  at ${version?.version ?? ''}: ${gapText(gap)}`]
}

/** What a version of a ranking would have earned on held-out rewards. */
function valueLines(version: Version | undefined): string[] {
  const { off_policy: facts } = version ?? {}
  if (version === undefined || facts === undefined) return []
  const { candidate, live, logged } = facts
  const rows = [
    ['    would have earned', 'choices', 'DR', 'IPS', 'SNIPS'],
    ...[
      { name: version.version, ...candidate },
      ...(live ? [{ name: 'live then', ...live }] : []),
    ].map(({ name, choices, dr, ips, snips }) => [
      `    ${name}`,
      String(choices),
      estimateText(dr),
      estimateText(ips),
      snips.toFixed(3),
    ]),
  ]
  return [
    `  at ${version.version}: held-out choices earned ${logged.toFixed(3)}, from 0 to 1`,
    ...table(rows),
  ]
}

function rowOf(published: Version, score: NamedScore): string[] {
  const { version, parent, events, events_new, served, decision, reason } = published
  const value = recentText(published, score)
  const recent = value === undefined ? 'no score' : `recent ${score.name} ${value}`
  const all = events === 1 ? '1 event' : `${events} events`
  const learned = parent === null ? all : `${all} (+${events_new})`
  const judged = served && `mean error ${served.error.toFixed(3)} of ${served.count} judged`
  return [`  ${version}`, learned, recent, judged ?? '', decision, reason]
}

/** A move under which the version was live, and the one that ended it, where another version followed. */
interface VersionMove extends PastMove {
  readonly ended?: PastMove
}

/** The newest are shown: a version that was on trial or paused has many. */
const MOST = 10

async function movesOf(api: ModelClient, version: string): Promise<readonly VersionMove[]> {
  const { moves } = await api.history({ version, limit: String(MOST) })
  const found: VersionMove[] = []
  for (const move of moves) found.push({ ...move, ...(await endOf(api, move)) })
  return found
}

async function endOf(
  api: ModelClient,
  { version, generation, until }: PastMove,
): Promise<Pick<VersionMove, 'ended'>> {
  if (until === undefined) return {}
  const { moves } = await api.history({ before: String(generation + 2), limit: '1' })
  const [next] = moves
  return next === undefined || next.version === version ? {} : { ended: next }
}

function moveLines(version: string, moves: readonly VersionMove[]): string[] {
  if (moves.length === 0) return []
  const lines = moves.flatMap(({ generation, since, until = 'now', ended, ...move }) => [
    `  move ${generation}, from ${since} to ${until}: ${why(move)}`,
    ...(ended === undefined ? [] : [`    ended by ${why(ended)}`]),
  ])
  return ['', `when ${version} was live, newest first:`, ...lines]
}

function why({ by, actor, reason }: Pick<VersionMove, 'by' | 'actor' | 'reason'>): string {
  return `${actor === undefined ? by : `${by} (${actor})`}: ${reason}`
}
