/** The quarantine, through the daemon. */
import { modelPath } from './client.ts'
import { connectModel } from './connect.ts'
import { pagesOf } from './pages.ts'
import { counted, selectionIn, type AsideFlags, type SelectionFlags } from './set-aside.ts'
import { print, table } from '../print.ts'

interface Quarantined {
  readonly source: string
  readonly id: string
  readonly label?: string
  readonly time?: string
  readonly why: string
  readonly releasing?: boolean
}

interface Distrusted {
  readonly source: string
  readonly trust: number
}

export async function listQuarantine(flags: AsideFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const path = modelPath(model, 'quarantine')
  const { items, last } = await pagesOf(client, path, 'quarantine', flags.last)
  const { count = 0, distrusted = [] } = last
  print(flags.json, { count, quarantine: items, distrusted }, () => [
    ...lines(items as unknown as readonly Quarantined[], Number(count)),
    ...(distrusted as unknown as readonly Distrusted[]).map(
      ({ source, trust }) => `source ${source} weighs ${trust.toFixed(2)}`,
    ),
  ])
}

function lines(events: readonly Quarantined[], count: number): string[] {
  if (events.length === 0) return ['nothing is in quarantine']
  const rows = events.map(({ source, id, label = '-', time = '-', why, releasing }) => [
    ...[source, id, label, time],
    releasing === true ? `${why}, releasing` : why,
  ])
  const head = ['source', 'id', 'label', 'time', 'why']
  return [...table([head, ...rows]), '', `${count} in total; release or drop them`]
}

export async function selectQuarantined(
  by: 'release' | 'drop',
  flags: SelectionFlags,
): Promise<void> {
  const { client, model } = await connectModel(flags)
  const answer = await client.post(modelPath(model, 'quarantine', by), selectionIn(flags))
  const events = Number(answer.events)
  print(flags.json, answer, () => [
    events === 0
      ? 'nothing in quarantine matches: antikythera quarantine list'
      : `${counted(events)} will be ${by === 'release' ? 'learned' : 'dropped'}`,
  ])
}
