/**
 * What a model that answers writes besides its own stores: in a fleet its feedback and predictions, which the trainer and
 * the other replicas read; its dead letters and predictions for the sinks of the config.
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
import { modelOf } from './parts.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import { openLetterOutbox } from '../intake/dead-letters/outbox.ts'
import { openPredictionSink } from '../intake/predictions/sink.ts'
import { openChosen } from '../config/plugins/chosen.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'

export interface Shared {
  readonly forwarder: Forwarder
  readonly predictions: PredictionCopies
}

const FLUSH_MS = 500
const LAST_FLUSH_MS = 5000
const SINK_FLUSH_MS = 2000

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

/** Sends what lies in the file, and what comes. */
export async function sendLetters(
  site: DaemonContext,
  model: string,
  { unsent }: DeadLetters,
): Promise<void> {
  const { clock, log, metrics } = site
  const chosen = modelOf(site.config, model).sinks.dead_letters
  if (chosen === undefined) return
  const outbox = openLetterOutbox({
    letters: unsent,
    sink: await openChosen(pluginsOf(site.config).sinks.dead_letters, chosen, needsOf(site, model)),
    clock,
    log: log.child({ model }),
    onSent: (count) => {
      metrics.count('sinkWritten', { model, sink: 'dead_letters' }, count)
    },
    onUnsendable: (count) => {
      metrics.count('sinkDropped', { model, sink: 'dead_letters' }, count)
    },
  })
  site.atEnd(async () => outbox.close())
}

/** Undefined where the config wants none. */
export async function predictionSink(
  site: DaemonContext,
  model: string,
): Promise<PredictionCopies | undefined> {
  const { clock, log, metrics } = site
  const chosen = modelOf(site.config, model).sinks.predictions
  if (chosen === undefined) return undefined
  const sink = openPredictionSink({
    sink: await openChosen(pluginsOf(site.config).sinks.predictions, chosen, needsOf(site, model)),
    clock,
    log: log.child({ model }),
    onWritten: (count) => {
      metrics.count('sinkWritten', { model, sink: 'predictions' }, count)
    },
    onDropped: (count) => {
      metrics.count('sinkDropped', { model, sink: 'predictions' }, count)
    },
  })
  site.atEnd(async () => sink.close(SINK_FLUSH_MS))
  return sink
}

function needsOf({ clock, log }: DaemonContext, model: string) {
  return { model, clock, log: log.child({ model }) }
}
