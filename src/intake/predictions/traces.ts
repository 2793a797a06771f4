/** The traces that served predictions were made in, as the server looks them up when feedback on one arrives. */
import { openStore } from '../../platform/store/store.ts'
import { inboxMigrations } from '../inbox/schema.ts'

interface PredictionTraces {
  /** Undefined also where the file cannot be read: a trace is no reason to refuse feedback. */
  of(predictionId: string): string | undefined
  close(): void
}

export function openPredictionTraces(path: string): PredictionTraces {
  const store = openStore(path, { migrations: inboxMigrations, readonly: true })
  const sql = 'SELECT traceparent FROM predictions WHERE id = ?'
  return {
    of(predictionId) {
      if (predictionId.includes('\0')) return undefined
      try {
        return store.get(sql, predictionId)?.textOrNull('traceparent') ?? undefined
      } catch {
        return undefined
      }
    },
    close: () => {
      store.close()
    },
  }
}
