/** Set-aside events, the quarantine, and pauses, through the daemon. */
import type { Aside, QuarantinedEvent } from '../../client/client.ts'
import { connectModel, pagesOf } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'

export interface AsideFlags extends ClientFlags {
  readonly last: number
}

export interface SelectionFlags extends ClientFlags {
  readonly source?: string
  readonly id?: string
  readonly label?: string
  readonly since?: string
  readonly from?: string
  readonly reason?: string
}

export async function listAside(flags: AsideFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { items, last } = await pagesOf(api.setAside, (page) => page.set_aside, flags.last)
  const { count } = last
  print(flags.json, { count, set_aside: items }, () => {
    if (items.length === 0) return ['nothing is set aside']
    const rows = items.map(({ was, relearning }) => (relearning ? `${was}, relearning` : was))
    return [...eventTable(items, 'was', rows), '', `${count} in total; relearn or discard them`]
  })
}

export async function listQuarantine(flags: AsideFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { items, last } = await pagesOf(api.quarantine, (page) => page.quarantine, flags.last)
  const { count, distrusted } = last
  print(flags.json, { count, quarantine: items, distrusted }, () => {
    const rows = items.map(({ why, releasing }) => (releasing ? `${why}, releasing` : why))
    return [
      ...(items.length === 0
        ? ['nothing is in quarantine']
        : [...eventTable(items, 'why', rows), '', `${count} in total; release or drop them`]),
      ...distrusted.map(({ source, trust }) => `source ${source} weighs ${trust.toFixed(2)}`),
    ]
  })
}

/** A model that answers numbers has no labels. */
function eventTable(
  events: readonly (Aside | QuarantinedEvent)[],
  last: string,
  cells: readonly string[],
): string[] {
  const isLabelled = events.some(({ label }) => label !== undefined)
  const head = ['source', 'id', ...(isLabelled ? ['label'] : []), 'time', last]
  const rows = events.map(({ source, id, label = '-', time = '-' }, at) => [
    ...[source, id, ...(isLabelled ? [label] : []), time, cells[at] ?? ''],
  ])
  return table([head, ...rows])
}

const selections = {
  relearn: { done: 'learned', none: 'nothing that is set aside matches: antikythera set-aside' },
  discard: { done: 'dropped', none: 'nothing that is set aside matches: antikythera set-aside' },
  release: {
    done: 'learned',
    none: 'nothing in quarantine matches: antikythera quarantine list',
  },
  drop: { done: 'dropped', none: 'nothing in quarantine matches: antikythera quarantine list' },
} as const

export async function select(by: keyof typeof selections, flags: SelectionFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const answer = await api[by](selectionIn(flags))
  const { done, none } = selections[by]
  print(flags.json, answer, () => [
    answer.events === 0 ? none : `${counted(answer.events)} will be ${done}`,
  ])
}

/** The body of a request. */
function selectionIn({ source, id, label, since, from, reason }: SelectionFlags) {
  return {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(label !== undefined && { label }),
    ...(since !== undefined && { since }),
    ...(from !== undefined && { from }),
    ...(reason !== undefined && { reason }),
  }
}

function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`
}

export async function pause(
  by: 'pause' | 'resume',
  flags: ClientFlags & { readonly reason?: string },
): Promise<void> {
  const { api, model } = await connectModel(flags)
  const { reason } = flags
  const answer = await api[by](reason === undefined ? {} : { reason })
  print(flags.json, answer, () => [
    by === 'pause' ? `${model} stops learning until you resume it` : `${model} is learning again`,
  ])
}
