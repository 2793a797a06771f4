/**
 * The target of a retraction: one event, all feedback about a prediction, or everything from a source (since a time).
 * Without a source it means the event of its connector, or otherwise that id from any source.
 */
import { isRetraction } from '../contracts/event.ts'
import type { ExampleKey } from '../contracts/core.ts'
import type { FeedbackEvent } from '../contracts/event.ts'
import { identityOf, keyOf } from './events/event-key.ts'

/** Whether an event of one source may replace or take back what another one said about the same prediction. */
export type SourceReach = (from: string, to: string) => boolean

/** The identifying facts of anything that is stored of an event. */
export interface TracedEvent {
  readonly key: ExampleKey
  readonly predictionId?: string | undefined
  readonly timeMs?: number | undefined
}

/** `id`: of any source but some. */
export type Meant =
  | { readonly kind: 'event'; readonly key: ExampleKey; readonly predictionId?: string | undefined }
  | { readonly kind: 'id'; readonly id: string; readonly except?: readonly string[] | undefined }
  | { readonly kind: 'source'; readonly source: string; readonly sinceMs?: number | undefined }

/** `isTaken`: whether that key was ever taken. */
export function meantBy(event: FeedbackEvent, isTaken: (key: ExampleKey) => boolean): Meant {
  const { signal, source, id, predictionId } = event
  const key = keyOf(event)
  if (!isRetraction(signal)) return { kind: 'event', key }
  if (signal.all !== undefined) return { kind: 'source', source, ...signal.all }
  if (signal.anySource === true && predictionId === undefined && !isTaken(key))
    return { kind: 'id', id, ...(signal.exceptSources && { except: signal.exceptSources }) }
  return { kind: 'event', key, predictionId }
}

export function isMeant(
  meant: Meant,
  { key, predictionId, timeMs = -Infinity }: TracedEvent,
): boolean {
  if (meant.kind === 'id') {
    const { source, id } = identityOf(key)
    return id === meant.id && meant.except?.includes(source) !== true
  }
  if (meant.kind === 'source')
    return identityOf(key).source === meant.source && timeMs >= (meant.sinceMs ?? -Infinity)
  const isAbout = meant.predictionId !== undefined && meant.predictionId === predictionId
  return key === meant.key || isAbout
}
