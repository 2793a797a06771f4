/** The rules that feedback must pass on arrival: those of every stream, and what the model may learn. */
import { isRetraction, type FeedbackEvent, type Input } from '../../../contracts/event.ts'
import type { InputKind } from '../../../contracts/payload.ts'
import type { Task } from '../../../contracts/task.ts'
import type { Clock } from '../../../contracts/core.ts'
import { isEnvelope } from '../../../intake/events/cloud-event.ts'
import { parseJson, type JsonLimits } from '../../../intake/events/json-guard.ts'
import {
  checkSignature,
  coveredEvent,
  openMessage,
  type SignedSources,
} from '../../../intake/signatures/signed-sources.ts'
import type { SignedMessage } from '../../../intake/signatures/standard-webhooks.ts'
import { eventSize, parseEvent, type EventLimits } from '../../../intake/events/validate.ts'
import { isObject } from '../../../payloads/reading.ts'

export interface EventCheckOptions {
  readonly model: string
  /** The name of the source that reads the inbox. */
  readonly source: string
  /** What the base reads. */
  readonly reads: readonly InputKind[]
  readonly limits: EventLimits
  readonly task: Pick<Task, 'admit' | 'view'>
  /** Throws for an input that the base cannot take, where finding that out is cheap. */
  readonly checkInput?: ((input: Input) => void) | undefined
  /** `sources`, asked for each event: undefined = none has to be signed. */
  readonly signed?:
    { readonly sources: () => SignedSources | undefined; readonly clock: Clock } | undefined
}

/** `bytes`: the event as it is stored; read again, they give the same event. */
export interface CheckedEvent {
  readonly event: FeedbackEvent
  readonly bytes: Uint8Array
}

/** `request`: what the signature in the headers is over; `vouched`: a person sends it again, and none is asked for. */
export type EventCheck = (bytes: Uint8Array, request?: SignedMessage | 'vouched') => CheckedEvent

export function eventCheck(options: EventCheckOptions): EventCheck {
  const { task, checkInput } = options
  return (bytes, request) => {
    const checked = signedEvent(options, bytes, request)
    const { event } = checked
    if (event.input !== undefined) checkInput?.(event.input)
    if (!isRetraction(event.signal)) task.admit(event.signal, event.input)
    return checked
  }
}

function signedEvent(
  { model, source, reads, limits, task, signed }: EventCheckOptions,
  bytes: Uint8Array,
  request: Parameters<EventCheck>[1],
): CheckedEvent {
  const context = { model, source, reads, signals: task.view.signals }
  const sources = signed?.sources()
  if (signed === undefined || sources === undefined)
    return { event: parseEvent(bytes, limits, context), bytes }
  const size = eventSize(limits, reads)
  const message = openMessage(bytes, {}, size)
  const event = parseEvent(message.bytes, limits, context)
  if (!sources.has(event.source)) return { event, bytes }
  const isOwn = message.signed.headers['webhook-signature'] !== undefined
  const isVouched = request === 'vouched'
  const over = isOwn || isVouched ? message.signed : (request ?? message.signed)
  if (!isVouched) checkSignature(event, over, sources, signed.clock.nowMs())
  const covered = (body: Uint8Array) =>
    coveredEvent(event, over, (own) => parseEvent(body, limits, { ...context, ...own }))
  // The trainer opens the message again.
  if (isOwn) return { event: covered(message.bytes), bytes }
  if (over.isOne !== true) return { event, bytes }
  const whole = covered(over.body)
  return { event: whole, bytes: withIdentity(over.body, whole, size) }
}

/** The headers of a request are not stored: what they say stands in the event. */
function withIdentity(
  body: Uint8Array,
  { id, source, signal }: FeedbackEvent,
  size: JsonLimits,
): Uint8Array {
  const event = parseJson(body, size)
  const isOfAny = isRetraction(signal) && signal.anySource === true
  if (!isObject(event) || isEnvelope(event) || isOfAny) return body
  const identity = isRetraction(signal) ? { source } : { id, source }
  return new TextEncoder().encode(JSON.stringify({ ...event, ...identity }))
}
