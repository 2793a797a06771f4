/** Served predictions as CloudEvents 1.0 in Kafka's binary mode: the envelope in headers, the answer as JSON. */
import type { Sink } from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { Delivery, type KafkaSinkOptions, type OutgoingMessage } from './delivery.ts'

export function kafkaPredictionSink(
  options: KafkaSinkOptions & { readonly model: string },
): Sink<ServedPrediction> {
  const delivery = new Delivery(options)
  return {
    write: (served) => delivery.send(served.map((each) => predictionMessage(each, options.model))),
    close: () => delivery.close(),
  }
}

export function predictionMessage(served: ServedPrediction, model: string): OutgoingMessage {
  const { id, input, version, shown, timeMs, traceparent } = served
  const answer = { prediction_id: id, model, version, ...shown, input: plain(input) }
  return {
    key: id,
    value: Buffer.from(JSON.stringify(answer)),
    timeMs,
    headers: {
      ce_specversion: '1.0',
      ce_type: 'antikythera.prediction',
      ce_source: `/antikythera/models/${model}`,
      ce_id: id,
      ce_time: new Date(timeMs).toISOString(),
      'content-type': 'application/json',
      ...(traceparent !== undefined && { traceparent }),
    },
  }
}

/** In the form of an event, ready for a label to be added. */
function plain({ kind, ...input }: ServedPrediction['input']) {
  return input
}
