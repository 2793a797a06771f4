/** The table of versions. */
import type { ClientFlags } from '../flags.ts'
import { connectModel } from './connect.ts'
import { percent, print, table } from '../print.ts'
import { publishedVersions, type Published } from './published.ts'

export interface VersionsFlags extends ClientFlags {
  readonly last: number
}

const head = [
  '',
  'version',
  'parent',
  'events',
  'accuracy',
  'recent',
  'created',
  'decision',
  'reason',
]

export async function showVersions(flags: VersionsFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const { versions, hasMore } = await publishedVersions(client, model, flags.last)
  print(flags.json, { model, versions }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    return [...table([head, ...versions.map(rowOf)]), ...more]
  })
}

function rowOf(published: Published): string[] {
  const { version, parent, events, scores, created, decision, reason, live } = published
  const isScored = scores.count > 0
  return [
    live ? '*' : '',
    version + stateOf(published),
    parent ?? '-',
    String(events),
    isScored ? percent(scores.accuracy) : '-',
    isScored ? percent(scores.accuracy_recent) : '-',
    created,
    decision,
    reason,
  ]
}

function stateOf({ removed, pinned }: Published): string {
  if (removed) return ' (removed)'
  return pinned ? ' (pinned)' : ''
}
