/** The table of moves of the live pointer. */
import type { PastMove } from '../../client/client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { pagesOf } from './pages.ts'
import { print, table } from '../print.ts'
import { trialText } from './move.ts'

export interface HistoryFlags extends ClientFlags {
  readonly last: number
}

const head = ['move', 'since', 'version', 'before', 'by', 'reason']

export async function showHistory(flags: HistoryFlags): Promise<void> {
  const { api, model } = await connectModel(flags)
  const { items: moves, hasMore } = await pagesOf(api.history, ({ moves }) => moves, flags.last)
  print(flags.json, { model, moves }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    return [...table([head, ...moves.map(rowOf)]), ...more]
  })
}

function rowOf({ version, generation, since, by, actor, reason, ...move }: PastMove) {
  const mover = actor === undefined ? by : `${by} (${actor})`
  const before = (move.before === undefined ? move.previous : move.before) ?? '-'
  return [String(generation), since, version + trialText(move), before, mover, reason]
}
