/** Where a model writes to besides its own disk, opened: its dead letters, and what it answered. */
import { modelOf } from './parts.ts'
import type { DaemonContext } from './daemon-context.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import type { PredictionCopies } from '../intake/predictions/fleet-predictions.ts'
import { openLetterOutbox } from '../intake/dead-letters/outbox.ts'
import { openPredictionSink } from '../intake/predictions/sink.ts'
import { openChosen } from '../config/chosen.ts'
import { pluginsOf } from '../config/own-plugins.ts'

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

const FLUSH_MS = 2000

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
  site.atEnd(async () => sink.close(FLUSH_MS))
  return sink
}

function needsOf({ clock, log }: DaemonContext, model: string) {
  return { model, clock, log: log.child({ model }) }
}
