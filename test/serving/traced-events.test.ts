/** Which trace the events of one feedback request are kept with. */
import { expect, test } from 'vitest'
import { RequestTrace } from '../../src/platform/tracing/traceparent.ts'
import { traceparentsOf } from '../../src/serving/services/feedback/feedback-service.ts'

const of = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`
const [caller, predicted, sender] = [of('a'), of('b'), of('c')]
const plain = { predictionId: undefined, traceparent: undefined }
const about = (predictionId: string) => ({ ...plain, predictionId })
const from = (traceparent: string) => ({ ...plain, traceparent })

interface Event {
  readonly predictionId: string | undefined
  readonly traceparent: string | undefined
}

/** What is kept beside each event, with the trace of prediction p known here. */
function kept(trace: RequestTrace | string | undefined, ...events: readonly Event[]) {
  const looked: string[] = []
  const traceOf = (id: string) => {
    looked.push(id)
    return id === 'p' ? predicted : undefined
  }
  const defined = events.map((event) =>
    Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined)),
  )
  const traceparent = traceparentsOf(defined, trace, traceOf)
  return { traceparents: events.map((event) => traceparent(event)), looked }
}

test('where nothing is traced an event keeps what its caller says', () => {
  expect(kept(undefined, plain).traceparents).toEqual([undefined])
  expect(kept(caller, plain, about('p')).traceparents).toEqual([caller, caller])
})

test('a caller in a trace wins over predictions and senders, and no prediction is looked up', () => {
  const trace = new RequestTrace(caller)
  const { traceparents, looked } = kept(trace, plain, about('p'), from(sender))
  expect(traceparents).toEqual(Array.from({ length: 3 }, () => trace.traceparent))
  expect(looked).toEqual([])
})

test('a request without one joins the trace of the prediction that it is about', () => {
  const trace = new RequestTrace(undefined)
  const { traceparents, looked } = kept(trace, about('p'), about('q'), plain)
  expect(trace.context.traceId).toBe('b'.repeat(32))
  expect(trace.parent?.spanId).toBe('b'.repeat(16))
  // The trainer looks for the trace of the other prediction.
  expect(traceparents).toEqual([trace.traceparent, undefined, trace.traceparent])
  expect(looked).toEqual(['p'])
})

test('of a prediction that is not known here the trainer may know more', () => {
  const trace = new RequestTrace(undefined)
  expect(kept(trace, about('q'), plain).traceparents).toEqual([undefined, trace.traceparent])
  expect(trace.parent).toBeUndefined()
})

test('an event that names its own trace takes the request into it', () => {
  const trace = new RequestTrace(undefined)
  const { traceparents } = kept(trace, from(sender), from(predicted), about('p'))
  expect(trace.context.traceId).toBe('c'.repeat(32))
  expect(traceparents).toEqual([trace.traceparent, undefined, undefined])
})
