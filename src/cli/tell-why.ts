/** Tells how a version came to answer: who moved the pointer and why, then each ancestor's decision and reason. */
import { failure } from '../runtime/errors.ts'
import { modelPath, type JsonObject } from './client.ts'
import type { ClientFlags } from './flags.ts'
import { connectModel } from './connect.ts'
import { percent, print, table } from './print.ts'
import { publishedVersions, type Published } from './published.ts'

export interface WhyFlags extends ClientFlags {
  readonly version?: string
}

interface Live {
  readonly version: string
  readonly generation: number
  readonly since: string
  readonly previous: string | null
  readonly by: string
  readonly reason: string
}

export async function tellWhy(flags: WhyFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const described = await client.get(modelPath(model))
  const live = described.live as (JsonObject & Live) | null
  const versions = await publishedVersions(client, model)
  const asked = flags.version ?? live?.version
  const chain = chainOf(asked, versions)
  if (flags.version !== undefined && chain.length === 0)
    throw failure('VERSION_UNKNOWN', `${model} has no version ${flags.version}`)
  print(flags.json, { model, live, version: asked ?? null, chain }, () => [
    ...liveLines(model, live),
    '',
    `${asked ?? 'nothing'} came to be so:`,
    ...table(chain.map(rowOf)),
  ])
}

/** From a version back to the first of its line. */
function chainOf(from: string | undefined, versions: readonly Published[]): readonly Published[] {
  const byName = new Map(versions.map((version) => [version.version, version]))
  const chain: Published[] = []
  // Bounded by what there is, so that a registry whose parents ran in a circle would end here too.
  for (let name = from; name !== undefined && chain.length < versions.length;) {
    const version = byName.get(name)
    if (version === undefined) break
    chain.push(version)
    name = version.parent ?? undefined
  }
  return chain
}

function liveLines(model: string, live: Live | null): string[] {
  if (live === null) return [`${model} has no live version yet`]
  const { version, since, by, reason, previous, generation } = live
  const before = previous === null ? '' : `, before it ${previous}`
  return [
    `${model} answers with ${version} since ${since}`,
    `  made live by ${by}: ${reason}`,
    `  move ${generation} of the pointer${before}`,
  ]
}

function rowOf({
  version,
  parent,
  events,
  events_new,
  scores,
  decision,
  reason,
}: Published): string[] {
  const accuracy = scores.count > 0 ? `${percent(scores.accuracy_recent)} recently` : 'no score'
  const learned = parent === null ? `${events} events` : `${events} events (+${events_new})`
  return [`  ${version}`, learned, accuracy, decision, reason]
}
