/**
 * What counts keep of forgotten events besides their rows: the scores of versions that go, and the name of a source that is
 * forgotten as a whole. The certificate names the counts that stay.
 */
import type { Json } from '../../contracts/core.ts'
import type { DefenceState } from '../../learner/defence/defence.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { TrainerState } from '../state.ts'

/** The source of a request that means all of its events. */
export function wholeSource({ source, id, beforeMs }: ForgetRequest): string | undefined {
  return id === undefined && beforeMs === undefined ? source : undefined
}

export function forgetNames(
  asked: ForgetRequest,
  { served, defence }: Pick<TrainerState, 'served' | 'defence'>,
): void {
  const source = wholeSource(asked)
  if (source === undefined) return
  served.forgetSource(source)
  defence?.restore(without(defence.snapshot(), source) as DefenceState)
}

/** The defence keeps a row for each source, with its name first. */
function without(state: Json, name: string): Json {
  if (Array.isArray(state)) {
    const rows = (state as readonly Json[]).filter((row) => !isRowOf(row, name))
    return rows.map((row) => without(row, name))
  }
  if (typeof state !== 'object' || state === null) return state
  const fields = Object.entries(state).map(([field, value]) => [field, without(value, name)])
  return Object.fromEntries(fields) as Json
}

function isRowOf(row: Json, name: string): boolean {
  return Array.isArray(row) && row.length > 1 && row[0] === name
}
