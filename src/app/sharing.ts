/**
 * What a model that answers shares with the fleet and with whoever else listens: its feedback goes into the stream that the
 * trainer reads, its predictions where any replica's feedback finds them, its dead letters and predictions to sinks.
 */
import { forwardKeys } from './fleet.ts'
import { predictionKey } from '../fleet/keys.ts'
import type { DaemonContext } from './daemon-context.ts'
import { openForwarder, type Forwarder } from '../intake/inbox/forwarder.ts'
import {
  openSharedPredictions,
  type PredictionCopies,
} from '../intake/predictions/fleet-predictions.ts'
import { writtenThere } from '../intake/disk/clients.ts'
import { openInboxReader } from '../intake/inbox/reader.ts'

export interface Shared {
  readonly forwarder: Forwarder
  readonly predictions: PredictionCopies
}

const FLUSH_MS = 500
const LAST_FLUSH_MS = 5000

/** Undefined for a daemon that is by itself. Call after the inbox was opened: it must outlive the forwarder. */
export function shareModel(
  site: DaemonContext,
  model: string,
  inboxPath: string,
): Shared | undefined {
  const { config, clock, log, metrics, sharing } = site
  if (sharing === undefined) return undefined
  const { redis, replica } = sharing
  const reader = openInboxReader(inboxPath)
  const predictions = openSharedPredictions({
    redis,
    keyOf: predictionKey(redis, model),
    retentionMs: 1000 * config.fleet.prediction_seconds,
    clock,
    log: log.child({ model }),
    onDropped: (count) => {
      metrics.count('predictionsDropped', { model }, count)
    },
  })
  const forwarder = openForwarder({
    journal: writtenThere(site.disk, inboxPath, reader.journal),
    redis,
    keys: forwardKeys(sharing, model),
    replica,
    clock,
    log: log.child({ model }),
    unreadEntries: config.limits.inbox_events,
    bytes: config.limits.inbox_bytes,
    before: async () => predictions.flush(FLUSH_MS),
    onForwarded: (count) => metrics.count('feedbackForwarded', { model }, count),
  })
  site.atEnd(() => {
    reader.close()
  })
  site.atEnd(async () => predictions.close(FLUSH_MS))
  site.atEnd(async () => forwarder.close(LAST_FLUSH_MS))
  return { forwarder, predictions }
}
