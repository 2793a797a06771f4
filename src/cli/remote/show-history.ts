/** The table of moves of the live pointer. */
import { modelPath } from './client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { pagesOf } from './pages.ts'
import { print, table } from '../print.ts'
import { trialText, type Routed } from './routed.ts'

export interface HistoryFlags extends ClientFlags {
  readonly last: number
}

interface Move extends Routed {
  readonly version: string
  readonly generation: number
  readonly since: string
  readonly previous: string | null
  /** A daemon of an earlier release does not say it. */
  readonly before?: string | null
  readonly by: string
  readonly actor?: string
  readonly reason: string
}

const head = ['move', 'since', 'version', 'before', 'by', 'reason']

export async function showHistory(flags: HistoryFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const path = modelPath(model, 'history')
  const { items, hasMore } = await pagesOf(client, path, 'moves', flags.last)
  const moves = items as unknown as readonly Move[]
  print(flags.json, { model, moves: items }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    return [...table([head, ...moves.map(rowOf)]), ...more]
  })
}

function rowOf({ version, generation, since, by, actor, reason, ...move }: Move) {
  const mover = actor === undefined ? by : `${by} (${actor})`
  const before = (move.before === undefined ? move.previous : move.before) ?? '-'
  return [String(generation), since, version + trialText(move), before, mover, reason]
}
