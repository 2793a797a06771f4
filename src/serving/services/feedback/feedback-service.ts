/**
 * The entry of HTTP feedback: each event is validated by the same rules as in a stream, valid events are durable before
 * the answer, and invalid ones go to the dead letters with a code (law 9). One invalid event does not affect the
 * others. An event of a source that sends too many, or that its sender may not speak for, is kept nowhere: its sender
 * still has it.
 */
import { createHash } from 'node:crypto'
import { CodedError, type Clock } from '../../../contracts/core.ts'
import type { DeadLetter, Sink } from '../../../contracts/connector.ts'
import type { FeedbackEvent } from '../../../contracts/event.ts'
import type { Routing } from '../../../versions/contract.ts'
import { incomingEvent, type Inbox, type IncomingEvent } from '../../../intake/inbox/inbox.ts'
import type { Metrics } from '../../../platform/metrics.ts'
import type { SignedMessage } from '../../../intake/signatures/standard-webhooks.ts'
import { isContentId } from '../../../intake/events/validate.ts'
import { failure } from '../../../platform/errors.ts'
import { eventLoop } from '../../../platform/slices.ts'
import { roleTrainer } from '../../live/followed-model.ts'
import { readTraceparent, type RequestTrace } from '../../../platform/tracing/traceparent.ts'
import { isOfSender, refusedEvent, type SourceLimit } from './source-limit.ts'
import type { EventCheck } from './event-check.ts'
import type { UndoneFeedback } from './undone-feedback.ts'

export interface FeedbackService {
  /** Resolves when everything accepted, and everything rejected, is on disk. Throws `FEEDBACK_NOT_READ`. */
  take(events: readonly IncomingFeedback[], options?: TakeOptions): Promise<FeedbackReceipt>
  /** The live pointer was moved here. */
  moved?(pointer: Routing): void
  /** Events that are kept here until the trainer has learned them. */
  unread(): number
}

export interface TakeOptions {
  /** A refused event is a dead letter already. */
  readonly areLetters?: boolean | undefined
  /** Event sources that their sender may name; absent = all. */
  readonly sources?: readonly string[] | undefined
  /** The trace of the request; a string is the caller's own, if this daemon does not trace requests. */
  readonly trace?: RequestTrace | string | undefined
}

/** One event as it arrived. */
export interface IncomingFeedback {
  readonly bytes: Uint8Array
  /** The request that it came in, where it is signed. */
  readonly request?: SignedMessage | undefined
}

export interface FeedbackReceipt {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly { readonly index: number; readonly error: CodedError }[]
  /** Of the events that named none: a receipt is asked for with it. */
  readonly ids?: readonly { readonly index: number; readonly id: string }[] | undefined
  /** Indexes of accepted ones that are refused later because they were retracted before they arrived. */
  readonly retracted?: readonly number[] | undefined
  /** A trainer that has processed this position has seen everything accepted; absent if nothing has arrived so far. */
  readonly position?: string | undefined
}

interface FeedbackServiceOptions {
  readonly model: string
  /** The name of the source that reads the inbox: it is part of an event's identity. */
  readonly source: string
  /** false: the model has no source that reads the inbox. */
  readonly isRead?: boolean
  /** Throws a coded error for an event that cannot be learned. */
  readonly check: EventCheck
  readonly inbox: Pick<Inbox, 'append' | 'unread'>
  /** The position that a receipt shows for an offset of the inbox; absent = the offset itself. */
  readonly positionOf?: (offset: number) => string
  readonly predictions: { flush(): Promise<void>; readonly traceOf?: TraceOfPrediction | undefined }
  readonly deadLetters: Pick<Sink, 'write'>
  readonly metrics: Pick<Metrics, 'count'>
  readonly clock: Clock
  /** Events undone by rollbacks may come again. */
  readonly undone?: Pick<UndoneFeedback, 'below' | 'moved'> | undefined
  /** Absent = any source may send any number. */
  readonly sourceLimit?: SourceLimit | undefined
  /** Called when the trainer has something to read. */
  readonly onAppended?: (() => void) | undefined
}

export function openFeedbackService(options: FeedbackServiceOptions): FeedbackService {
  return {
    unread: () => options.inbox.unread(),
    moved: (pointer) => options.undone?.moved(pointer),
    async take(incoming, { areLetters = false, sources, trace } = {}) {
      if (options.isRead === false) throw notRead(options.model)
      const limit = areLetters ? undefined : options.sourceLimit
      const refuse = (event: FeedbackEvent) => refusedEvent(event, sources) ?? limit?.(event.source)
      const checked = await eventLoop.each(incoming, (event) =>
        checkOne(options, areLetters ? { ...event, request: 'vouched' } : event, refuse),
      )
      const rejected = checked.flatMap((outcome, index) =>
        outcome instanceof CodedError ? [{ index, error: outcome }] : [],
      )
      const letters = rejected.filter(({ error }) => !isOfSender(error))
      if (!areLetters) await bury(options, incoming, letters, trace)
      const events = checked.flatMap((outcome) => (outcome instanceof CodedError ? [] : [outcome]))
      const places = [...checked.keys()].filter((at) => !(checked[at] instanceof CodedError))
      const appended = await keep(options, events, trace)
      const duplicates = appended.duplicates.length
      count(options, appended.accepted, duplicates, rejected)
      const { accepted, end } = appended
      const position = end === undefined ? undefined : (options.positionOf ?? String)(end)
      const retracted = appended.retracted?.map((at) => places[at] ?? at)
      const ids = madeIds(checked)
      return {
        ...{ accepted, duplicates, rejected },
        ...(ids.length > 0 && { ids }),
        ...(retracted !== undefined && { retracted }),
        ...(position !== undefined && { position }),
      }
    },
  }
}

function notRead(model: string) {
  const why = `${model} reads no feedback over HTTP: http is not among its sources`
  return failure('FEEDBACK_NOT_READ', why, { details: { model } })
}

/** A retraction has no receipt, and its id is not that of its content. */
function madeIds(checked: readonly (CheckedEvent | CodedError)[]) {
  return checked.flatMap((outcome, index) =>
    outcome instanceof CodedError || !isContentId(outcome.id) || outcome.isRepeatable !== undefined
      ? []
      : [{ index, id: outcome.id }],
  )
}

type CheckedEvent = IncomingEvent & Pick<FeedbackEvent, 'predictionId' | 'traceparent'>

function checkOne(
  { check }: FeedbackServiceOptions,
  {
    bytes,
    request,
  }: Omit<IncomingFeedback, 'request'> & { readonly request?: Parameters<EventCheck>[1] },
  refuse: (event: FeedbackEvent) => CodedError | undefined,
): CheckedEvent | CodedError {
  try {
    const { event, bytes: stored } = check(bytes, request)
    const refused = refuse(event)
    if (refused !== undefined) return refused
    const { predictionId, traceparent } = event
    return {
      ...incomingEvent(event, stored),
      ...(predictionId !== undefined && { predictionId }),
      ...(traceparent !== undefined && { traceparent }),
    }
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

interface AppendResult {
  readonly accepted: number
  readonly duplicates: readonly number[]
  readonly retracted?: readonly number[]
  readonly end?: number
}

/** Predictions that the events name are made readable first, so that the trainer finds them when it reads the events. */
async function keep(
  options: FeedbackServiceOptions,
  events: readonly CheckedEvent[],
  trace: TakeOptions['trace'],
): Promise<AppendResult> {
  if (events.length === 0) return { accepted: 0, duplicates: [] }
  if (events.some(({ predictionId }) => predictionId !== undefined))
    await options.predictions.flush()
  const traceparent = traceparentsOf(events, trace, options.predictions.traceOf)
  const rows = events.map(({ predictionId, traceparent: own, ...event }) => {
    const traced = traceparent({ predictionId, traceparent: own })
    return traced === undefined ? event : { ...event, traceparent: traced }
  })
  const appended = await options.inbox.append(rows, options.undone?.below())
  if (appended.accepted > 0) options.onAppended?.()
  return appended
}

async function bury(
  { source, deadLetters, clock }: FeedbackServiceOptions,
  incoming: readonly IncomingFeedback[],
  rejected: FeedbackReceipt['rejected'],
  trace: TakeOptions['trace'],
): Promise<void> {
  const traceparent = typeof trace === 'object' ? trace.traceparent : trace
  const timeMs = clock.nowMs()
  const letters = await eventLoop.each(rejected, ({ index, error }): DeadLetter => {
    const value = incoming[index]?.bytes ?? new Uint8Array()
    return {
      key: `${source}\0${createHash('sha256').update(value).digest('hex')}`,
      code: error.code,
      reason: error.message,
      connector: source,
      partition: '0',
      position: 'refused',
      value,
      timeMs,
      ...(traceparent !== undefined && { headers: { traceparent } }),
    }
  })
  for (let from = 0; from < letters.length; from += BATCH_LETTERS)
    await deadLetters.write(letters.slice(from, from + BATCH_LETTERS))
}

/** In one transaction. */
const BATCH_LETTERS = 250

function count(
  { model, metrics }: FeedbackServiceOptions,
  accepted: number,
  duplicates: number,
  rejected: FeedbackReceipt['rejected'],
): void {
  metrics.count('feedbackAccepted', { model }, accepted)
  metrics.count('feedbackDuplicates', { model }, duplicates)
  for (const { error } of rejected) {
    const { code } = error
    metrics.count('feedbackRejected', { model, code })
  }
}

/** Refuses feedback with a code: for a model with a broken registry, and in a daemon that only trains. */
export function brokenFeedback(error: CodedError): FeedbackService {
  return { take: async () => Promise.reject(error), unread: () => 0 }
}

export function feedbackElsewhere(model: string): FeedbackService {
  return brokenFeedback(roleTrainer(model))
}

/** The span that a prediction was made in; undefined: it is not known here, and the trainer looks again. */
export type TraceOfPrediction = (predictionId: string) => string | undefined

type TracedFields = {
  readonly [Key in 'predictionId' | 'traceparent']: FeedbackEvent[Key] | undefined
}

/**
 * Which trace each event of a request belongs to: the one that the caller of the request names, else that of the event
 * itself (CloudEvents), else that of the prediction it is about, else that of the request. Where the request has no
 * caller in a trace, its span joins the trace of its first event, so that one trace goes from the prediction to what is
 * learned.
 *
 * Answers the traceparent that is kept beside an event; undefined: what the event or its prediction says holds.
 */
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
