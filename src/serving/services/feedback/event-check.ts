/** The rules that feedback must pass on arrival: those of every stream, and what the model may learn. */
import type { FeedbackEvent, Input } from '../../../contracts/event.ts'
import type { Task } from '../../../contracts/task.ts'
import type { Clock } from '../../../contracts/core.ts'
import {
  checkSignature,
  openMessage,
  type SignedSources,
} from '../../../intake/signatures/signed-sources.ts'
import type { Signed } from '../../../intake/signatures/standard-webhooks.ts'
import { parseEvent, type EventLimits } from '../../../intake/events/validate.ts'

export interface EventCheckOptions {
  readonly model: string
  /** The name of the source that reads the inbox. */
  readonly source: string
  readonly inputKind: Input['kind']
  readonly limits: EventLimits
  readonly task: Pick<Task, 'admit' | 'view'>
  /** Throws for an input that the base cannot take, where finding that out is cheap. */
  readonly checkInput?: ((input: Input) => void) | undefined
  /** Absent = no source has to be signed. */
  readonly signed?: { readonly sources: SignedSources; readonly clock: Clock } | undefined
}

/** `request`: what the signature in the headers is over; `vouched`: a person sends it again, and none is asked for. */
export type EventCheck = (bytes: Uint8Array, request?: Signed | 'vouched') => FeedbackEvent

export function eventCheck(options: EventCheckOptions): EventCheck {
  const { model, source, inputKind, limits, task, checkInput, signed } = options
  const size = { bytes: limits.event_bytes, depth: limits.json_depth }
  return (bytes, request) => {
    const { signals } = task.view
    const context = { model, source, inputKind, signals }
    const message = signed && openMessage(bytes, {}, size)
    const event = parseEvent(message?.bytes ?? bytes, limits, context)
    if (signed !== undefined && message !== undefined && request !== 'vouched') {
      const isOwn = message.signed.headers['webhook-signature'] !== undefined
      const over = isOwn ? message.signed : (request ?? message.signed)
      checkSignature(event, over, signed.sources, signed.clock.nowMs())
    }
    if (event.input !== undefined) checkInput?.(event.input)
    // The meaning of a rating depends on its prediction, which the trainer looks up.
    task.admit(event.signal)
    return event
  }
}
