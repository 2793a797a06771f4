/** Finds the rows of the checkpoint, past states included, that a retraction of many events means. */
import type { ExampleKey } from '../contracts/core.ts'
import type { Store } from '../platform/store/store.ts'
import { keyIn } from './tables/rows.ts'
import { isMeant, type Meant } from '../intake/retraction.ts'

export function retractedKeys(
  store: Store,
  table: 'examples' | 'memorised',
  meant: Meant,
): readonly ExampleKey[] {
  const rows = store.all(`SELECT DISTINCT key, time_ms FROM ${table}`)
  return rows
    .map((row) => ({
      key: keyIn(row.bytes('key')),
      timeMs: row.numberOrNull('time_ms') ?? undefined,
    }))
    .filter((traced) => isMeant(meant, traced))
    .map(({ key }) => key)
}
