/** What a retraction of many means among the rows of the checkpoint, those of past states too. */
import type { Store } from '../platform/store/store.ts'
import { textOf } from './rows.ts'
import { isMeant, type Meant } from '../trainer/retraction.ts'

export function keysMeant(
  store: Store,
  table: 'examples' | 'memorised',
  meant: Meant,
): readonly string[] {
  const rows = store.all(`SELECT DISTINCT key, time_ms FROM ${table}`)
  return rows
    .map((row) => ({
      key: textOf(row.bytes('key')),
      timeMs: row.numberOrNull('time_ms') ?? undefined,
    }))
    .filter((traced) => isMeant(meant, traced))
    .map(({ key }) => key)
}
