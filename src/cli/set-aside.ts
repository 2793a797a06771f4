/** What rollbacks have set aside, and pauses, through the daemon. */
import type { Json } from '../contracts.ts'
import { modelPath } from './client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from './flags.ts'
import { print, table } from './print.ts'

export interface AsideFlags extends ClientFlags {
  readonly last: number
}

export interface SelectionFlags extends ClientFlags {
  readonly source?: string
  readonly label?: string
  readonly since?: string
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

const PAGE = 100

export async function listAside(flags: AsideFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const events: Aside[] = []
  let count: Json | undefined = 0
  for (let next: Json | undefined = ''; next !== undefined && events.length < flags.last;) {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE, flags.last - events.length)),
      ...(typeof next === 'string' && next !== '' && { before: next }),
    })
    const answer = await client.get(`${modelPath(model, 'set-aside')}?${query}`)
    events.push(...(answer.set_aside as unknown as readonly Aside[]))
    ;({ count, next } = answer)
  }
  const told = { count: count ?? 0, set_aside: events as unknown as Json }
  print(flags.json, told, () => lines(events, Number(count)))
}

function lines(events: readonly Aside[], count: number): string[] {
  if (events.length === 0) return ['nothing is set aside']
  const head = ['source', 'id', 'label', 'time', 'was']
  const rows = events.map(({ source, id, label = '-', time = '-', was, relearning }) => [
    ...[source, id, label, time],
    relearning === true ? `${was}, relearning` : was,
  ])
  return [...table([head, ...rows]), '', `${count} in all; relearn or discard them`]
}

export async function select(by: 'relearn' | 'discard', flags: SelectionFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const { source, label, since, reason } = flags
  const answer = await client.post(modelPath(model, by), {
    ...(source !== undefined && { source }),
    ...(label !== undefined && { label }),
    ...(since !== undefined && { since }),
    ...(reason !== undefined && { reason }),
  })
  print(flags.json, answer, () => [
    `${String(answer.events)} events ${by === 'relearn' ? 'will be learned' : 'are dropped'}`,
  ])
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
    by === 'pause' ? `${model} learns nothing until you resume it` : `${model} learns again`,
  ])
}
