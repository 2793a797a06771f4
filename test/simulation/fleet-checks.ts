/** What must be true at the end of any story of a fleet; answers what is not. */
import { isDeepStrictEqual } from 'node:util'
import { isLater, noStamp } from '../../src/checkpoint/saved.ts'
import { finalState } from '../trainer/final-state.ts'
import type { World } from '../trainer/world.ts'
import type { Disk, StoryLine } from './fleet-disk.ts'
import type { FleetPlan } from './fleet-plan.ts'
import { runReference } from './fleet-reference.ts'
import { runFleet, timesOf, type Told } from './fleet.ts'

type Final = NonNullable<ReturnType<typeof finalState>>

export interface Verdict {
  readonly violations: readonly string[]
  readonly told: Told
  /** How much of the end was compared with a run without faults. */
  readonly compared: 'all' | 'weights' | 'nothing'
}

export async function judge(plan: FleetPlan): Promise<Verdict> {
  const told = await runFleet(plan)
  const disk = latestOf(told.disks)
  const { registry, letters } = told.shared
  const world = { registry, letters, store: disk.store } as unknown as World
  const final = finalState(world)
  if (final === undefined) return { violations: ['nothing was saved'], told, compared: 'nothing' }
  const story = disk.story()
  const isOneOrder = plan.topic.length === 1 && plan.words.length === 0
  const order = isOneOrder ? naturalOrder(plan) : story
  const reference = unmoved(plan, story, told) ? undefined : await runReference(plan, order)
  const expected = reference && finalState(reference)
  const violations = [
    ...told.violations,
    ...oneWriter(told),
    ...nothingLost(plan, final, told),
    ...pointer(told),
    ...(expected === undefined ? [] : differences(final, expected, isOneOrder)),
  ]
  reference?.store.close()
  for (const each of told.disks) each.close()
  const compared = expected === undefined ? 'nothing' : isOneOrder ? 'all' : 'weights'
  return { violations, told, compared }
}

/**
 * A version of this line that should have become live and never did, because its maker had lost the lease, or had others'
 * versions before it: no policy goes back to it, as one would in a run without faults. The same for a policy's own move.
 */
function unmoved(plan: FleetPlan, story: readonly StoryLine[], { shared }: Told): boolean {
  if (plan.setting.rollback === undefined) return false
  const { versions, moves } = shared.registry
  const answered = new Set(moves.map(({ live }) => live.version))
  const made = story.filter(({ what }) => what === 'made').map(({ name }) => name)
  const isAlone = versions.size === made.length + 1
  if (!isAlone && story.some(({ what }) => what === 'policy')) return true
  return made.some(
    (name) => !answered.has(name) && versions.get(name)?.manifest.decision === 'promote',
  )
}

/** Law 2. Where the order of partitions is free, or people spoke, names of versions are too. */
function differences(final: Final, expected: Final, isOneOrder: boolean): readonly string[] {
  const free = [
    'progress',
    'positions',
    'snapshots',
    'versions',
    'moves',
    'letters',
    'examples',
    'log',
  ]
  const names = Object.keys(expected) as (keyof Final)[]
  return names
    .filter((name) => isOneOrder || !free.includes(name))
    .filter((name) => !isDeepStrictEqual(final[name], expected[name]))
    .map((name) => `${name}: ${short(final[name])} instead of ${short(expected[name])}`)
}

function oneWriter({ shared }: Told): readonly string[] {
  const late = shared.accepted.findIndex((epoch, at) => epoch < (shared.accepted[at - 1] ?? 0))
  return late < 0 ? [] : [`a write of epoch ${shared.accepted[late]!} after a later one`]
}

/** Law 9: every record of the topic became exactly one thing. */
function nothingLost(plan: FleetPlan, final: Final, { shared }: Told): readonly string[] {
  const sent = plan.topic.reduce((sum, messages) => sum + messages.length, 0)
  const { accepted, duplicates, rejected } = final.progress
  const found = accepted + duplicates + rejected + final.waiting.length
  const problems: string[] = []
  if (found !== sent) problems.push(`${sent} sent, ${found} accounted for`)
  if (shared.letters.size < rejected)
    problems.push(`${rejected} rejected, ${shared.letters.size} letters`)
  const { learned } = final.learnerState.memory.replay as unknown as {
    readonly learned: readonly string[]
  }
  const tooOften = learned.filter(
    (key) => learned.filter((other) => other === key).length > timesOf(key, plan.topic),
  )
  if (tooOften.length > 0) problems.push(`learned too often: ${tooOften.join()}`)
  const kept = learned.length + final.pending.length
  // A retraction counts as accepted, and what it takes back is learned no more; nor is what was superseded in time.
  const takenBack = 2 * plan.topic.flat().filter(({ value }) => isRetraction(value)).length
  const superseded = sent - new Set(plan.topic.flat().map(({ value }) => idIn(value))).size
  if (!goesBack(plan) && (kept > accepted || kept < accepted - takenBack - superseded))
    problems.push(`${accepted} accepted, ${kept} learned or pending`)
  return problems
}

function idIn(value: string): string {
  return /"id":"([^"]*)"/.exec(value)?.[1] ?? value
}

function isRetraction(value: string): boolean {
  return value.startsWith('{') && !/"(label|rating)":/.test(value)
}

/** A person's word and a policy take back what was learned since; nothing else does. */
function goesBack({ words, setting }: FleetPlan): boolean {
  return words.length > 0 || setting.rollback !== undefined || setting.rollout !== undefined
}

/** Law 4. */
function pointer({ shared }: Told): readonly string[] {
  return shared.registry.moves
    .filter(
      ({ live: { version, digest } }) =>
        shared.registry.versions.get(version)?.manifest.digest !== digest,
    )
    .map(({ live: { version } }) => `${version} was live and is not there`)
}

function latestOf(disks: readonly Disk[]): Disk {
  return disks.reduce((best, disk) =>
    isLater(disk.stamp() ?? noStamp, best.stamp() ?? noStamp) ? disk : best,
  )
}

function naturalOrder({ topic }: FleetPlan): readonly StoryLine[] {
  return topic[0]!.map((_, position) => ({ what: 'record', name: '0', position }))
}

function short(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text
}
