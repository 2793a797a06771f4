/** Sends served predictions to a sink, such as a Kafka topic, to be joined, audited or labelled elsewhere. */
import type { Clock, Json, Logger } from '../../contracts/core.ts'
import type { Sink } from '../../contracts/connector.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { PredictionCopies } from './fleet-predictions.ts'
import { openWriteBehind } from './write-behind.ts'
import { closeAll } from '../../platform/closers.ts'

export interface PredictionSinkOptions {
  /** Closed with this. */
  readonly sink: Sink<ServedPrediction>
  readonly clock: Clock
  readonly log: Logger
  readonly onWritten?: (count: number) => void
  readonly onDropped?: (count: number) => void
}

export function openPredictionSink(options: PredictionSinkOptions): PredictionCopies {
  const { sink } = options
  const queue = openWriteBehind<ServedPrediction>({
    ...options,
    what: 'served predictions to the sink',
    sizeOf: ({ input }) => 300 + sizeOf(input),
    write: async (items) => sink.write(items),
  })
  return {
    record: (predictions) => queue.add(predictions),
    waiting: () => queue.waiting(),
    flush: async (waitMs) => queue.flush(waitMs),
    close: async (flushMs) => {
      await closeAll([{ close: async () => queue.close(flushMs) }, sink])
    },
  }
}

/** About the bytes of its memory. */
function sizeOf(value: Json): number {
  if (typeof value === 'string') return 2 * value.length
  if (typeof value !== 'object' || value === null) return 8
  const own = Array.isArray(value) ? 0 : 64
  return Object.values(value).reduce<number>((sum, each: Json) => sum + own + sizeOf(each), 0)
}
