/**
 * Served predictions that were erased: the id stays as long as the prediction would have, with nothing beside it, so that feedback
 * about it is refused by name. An answer that was given what is forgotten goes with it, also one that is stored later.
 */
import type { EventIdentity } from '../../contracts/core.ts'
import type { CitedEvent } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import type { Store } from '../../platform/store/store.ts'
import { hashOf } from '../dedupe/dedupe.ts'
import { FORGOTTEN, keyOf } from '../events/event-key.ts'

/** As the input of an erased prediction, which no prediction has. */
export const ERASED = 'null'

/** Of those that are whole. */
export function erasePredictions(
  store: Store,
  which: string,
  ...values: readonly (string | number)[]
): number {
  const empty = `UPDATE predictions SET input = '${ERASED}', version = '', label = '', canary = NULL, unit = NULL,
    shadow = NULL, pinned = NULL, traceparent = NULL, is_cut = NULL, cited = NULL`
  return store.run(`${empty} WHERE input <> '${ERASED}' AND ${which}`, ...values)
}

export type CitingPrediction = Readonly<{ cited?: readonly CitedEvent[]; timeMs: number }>

const PAGE = 500

/** The ids of those that cite. */
export function predictionsCiting(
  store: Store,
  isMeant: (prediction: CitingPrediction) => boolean,
): readonly string[] {
  const page = `SELECT number, id, cited, time_ms FROM predictions
    WHERE cited IS NOT NULL AND number > ? ORDER BY number LIMIT ?`
  const found: string[] = []
  for (let last = -1; ;) {
    const rows = store.all(page, last, PAGE)
    for (const row of rows) {
      last = row.number('number')
      const cited = row.json('cited') as unknown as readonly CitedEvent[]
      if (isMeant({ cited, timeMs: row.number('time_ms') })) found.push(row.text('id'))
    }
    if (rows.length < PAGE) return found
  }
}

/** Whether the event was forgotten on request. */
export function isForgotten(store: Store, { source, id }: EventIdentity): boolean {
  const sql = `SELECT offset FROM identities WHERE hash = ? AND lesson = ${FORGOTTEN}`
  return store.get(sql, hashOf(keyOf({ source, id }))) !== undefined
}

export function erasedPrediction(id: string): Error {
  return failure('PREDICTION_ERASED', `the prediction ${id} was erased with what was forgotten`)
}
