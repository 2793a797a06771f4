/** Set-aside events and pauses, through the daemon. */
import { modelPath } from './client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { pagesOf } from './pages.ts'
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

interface Aside {
  readonly source: string
  readonly id: string
  readonly label?: string
  readonly time?: string
  readonly was: string
  readonly relearning?: boolean
}

export async function listAside(flags: AsideFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const path = modelPath(model, 'set-aside')
  const { items, last } = await pagesOf(client, path, 'set_aside', flags.last)
  const { count = 0 } = last
  print(flags.json, { count, set_aside: items }, () =>
    lines(items as unknown as readonly Aside[], Number(count)),
  )
}

function lines(events: readonly Aside[], count: number): string[] {
  if (events.length === 0) return ['nothing is set aside']
  // A model that answers numbers has no labels.
  const isLabelled = events.some(({ label }) => label !== undefined)
  const head = ['source', 'id', ...(isLabelled ? ['label'] : []), 'time', 'was']
  const rows = events.map(({ source, id, label = '-', time = '-', was, relearning }) => [
    ...[source, id, ...(isLabelled ? [label] : []), time],
    relearning === true ? `${was}, relearning` : was,
  ])
  return [...table([head, ...rows]), '', `${count} in total; relearn or discard them`]
}

export async function select(by: 'relearn' | 'discard', flags: SelectionFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const answer = await client.post(modelPath(model, by), selectionIn(flags))
  const events = Number(answer.events)
  print(flags.json, answer, () => [
    events === 0
      ? 'nothing that is set aside matches: antikythera set-aside'
      : `${counted(events)} will be ${by === 'relearn' ? 'learned' : 'dropped'}`,
  ])
}

/** The body of a request. */
export function selectionIn({ source, id, label, since, from, reason }: SelectionFlags) {
  return {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(label !== undefined && { label }),
    ...(since !== undefined && { since }),
    ...(from !== undefined && { from }),
    ...(reason !== undefined && { reason }),
  }
}

export function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`
}

export async function pause(
  by: 'pause' | 'resume',
  flags: ClientFlags & { readonly reason?: string },
): Promise<void> {
  const { client, model } = await connectModel(flags)
  const { reason } = flags
  const answer = await client.post(modelPath(model, by), {
    ...(reason !== undefined && { reason }),
  })
  print(flags.json, answer, () => [
    by === 'pause' ? `${model} stops learning until you resume it` : `${model} is learning again`,
  ])
}
