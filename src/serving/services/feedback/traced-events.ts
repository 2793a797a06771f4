/**
 * Which trace each event of a request belongs to: the one that the caller of the request names, else that of the event
 * itself (CloudEvents), else that of the prediction it is about, else that of the request. Where the request has no
 * caller in a trace, its span joins the trace of its first event, so that one trace goes from the prediction to what is
 * learned.
 */
import type { FeedbackEvent } from '../../../contracts/event.ts'
import type { RequestTrace } from '../../../platform/tracing/request-trace.ts'
import { readTraceparent } from '../../../platform/tracing/traceparent.ts'

/** The span that a prediction was made in; undefined: it is not known here, and the trainer looks again. */
export type TraceOfPrediction = (predictionId: string) => string | undefined

type TracedFields = {
  readonly [Key in 'predictionId' | 'traceparent']: FeedbackEvent[Key] | undefined
}

/** The traceparent that is kept beside an event; undefined: what the event or its prediction says holds. */
export function traceparentsOf(
  events: readonly Pick<FeedbackEvent, keyof TracedFields>[],
  trace: RequestTrace | string | undefined,
  traceOf: TraceOfPrediction = () => undefined,
): (event: TracedFields) => string | undefined {
  if (typeof trace !== 'object') return () => trace
  if (trace.parent !== undefined) return () => trace.traceparent
  // Looks up one event only, because each look-up costs a read.
  const first = events.find((event) => event.traceparent ?? event.predictionId)
  const { predictionId } = first ?? {}
  const origin = readTraceparent(
    first?.traceparent ?? (predictionId === undefined ? undefined : traceOf(predictionId)),
  )
  if (origin !== undefined) trace.join(origin)
  return (event) => {
    const own = readTraceparent(event.traceparent)
    const isJoined =
      own === undefined
        ? event.predictionId === undefined ||
          (origin !== undefined && event.predictionId === predictionId)
        : own.traceId === trace.context.traceId
    return isJoined ? trace.traceparent : undefined
  }
}
