/**
 * An event as a message again: what the inbox keeps, so that the trainer reads the very event that was accepted,
 * with its id and source written out. `parseEvent` of these bytes is that event.
 */
import type { FeedbackEvent, Json } from '../contracts.ts'
import type { Limits } from '../runtime/limits.ts'
import { refuse } from './refuse.ts'

export interface InboxEntry {
  readonly source: string
  readonly id: string
  readonly bytes: Uint8Array
}

/** Throws EVENT_TOO_LARGE when the trainer would refuse it: numbers may be longer when they are written out. */
export function inboxEntry(event: FeedbackEvent, limits: Pick<Limits, 'event_bytes'>): InboxEntry {
  const bytes = eventBytes(event)
  if (bytes.byteLength > limits.event_bytes) {
    const sizes = `${bytes.byteLength} bytes with its id, at most ${limits.event_bytes}`
    throw refuse('EVENT_TOO_LARGE', '', sizes)
  }
  // A retraction carries the id of what it takes back, and is another message.
  const id = event.lesson.kind === 'retract' ? `${event.id}\0retract` : event.id
  return { source: event.source, id, bytes }
}

export function eventBytes(event: FeedbackEvent): Uint8Array {
  const { id, source, model, input, predictionId, lesson, weight, timeMs } = event
  const { kind, ...said } = lesson
  const message = {
    id,
    source,
    model,
    input: input?.kind === 'text' ? { text: input.text } : input && { features: input.features },
    prediction_id: predictionId,
    ...(kind === 'retract' ? { retract: true } : said),
    weight: weight === 1 ? undefined : weight,
    time: timeMs === undefined ? undefined : new Date(timeMs).toISOString(),
  } satisfies Readonly<Record<string, Json | undefined>>
  return new TextEncoder().encode(JSON.stringify(message))
}
